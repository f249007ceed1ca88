//! Reads the first table of docs/guides/compose-with-wac.md, and the numbered reasons below it.

const TEXT: &str = include_str!("../../../../docs/guides/compose-with-wac.md");

/// Returns the cells of all rows, beginning with the names of the columns.
fn all() -> Vec<Vec<&'static str>> {
    let lines = TEXT.lines().skip_while(|line| !line.starts_with('|'));
    let lines = lines.take_while(|line| line.starts_with('|'));
    let cells = lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect());
    cells
        .filter(|cells: &Vec<&str>| !cells.iter().all(|cell| cell.starts_with("---")))
        .collect()
}

/// Returns the number of rows.
pub fn rows() -> usize {
    all().len() - 1
}

/// Returns the cell of this combination in the column with this name.
pub fn cell(messages: &str, answers: &str, column: &str) -> String {
    let all = all();
    let names = &all[0];
    let at = names.iter().position(|name| *name == column);
    let at = at.unwrap_or_else(|| panic!("no column {column:?} in {names:?}"));
    let row = all
        .iter()
        .find(|row| row[0] == messages && row[1] == answers);
    let row = row.unwrap_or_else(|| panic!("no row of {messages:?} and {answers:?}"));
    row[at].to_owned()
}

/// Returns the error that the page quotes for the reason whose number the cell ends with.
pub fn reason(cell: &str) -> String {
    let number = cell
        .trim_end_matches(')')
        .rsplit('(')
        .next()
        .unwrap_or_default();
    let start = format!("{number}. ");
    let line = TEXT.lines().find(|line| line.starts_with(&start));
    let line = line.unwrap_or_else(|| panic!("no reason {number:?} for {cell:?}"));
    let quoted = line.split('`').nth(1);
    quoted
        .unwrap_or_else(|| panic!("no words of a tool in {line:?}"))
        .to_owned()
}
