//! The texts that docs/troubleshooting.md quotes are texts of the program, and the
//! tests that docs/security.md names exist.

use std::fs;
use std::path::Path;

use super::{page, root};

/// Returns the text of all Rust files in a folder.
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            text += &sources(&path);
        } else if path.extension().is_some_and(|it| it == "rs") {
            text += &fs::read_to_string(&path).expect("a source");
        }
    }
    text
}

/// Removes what a string literal has and its value has not: line breaks after a
/// backslash, and the backslashes of quotes.
fn unescaped(source: &str) -> String {
    let mut pieces = source.split("\\\n");
    let first = pieces.next().unwrap_or_default().to_owned();
    let joined = pieces.fold(first, |text, piece| text + piece.trim_start());
    joined.replace("\\\"", "\"")
}

#[test]
fn the_quoted_texts_are_those_of_the_program() {
    let program = unescaped(&sources(&root().join("bridge-host/src")));
    let page = page("troubleshooting.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let mut count = 0;
    for row in rows {
        let cell = row.split(" | ").next().unwrap_or_default();
        for part in cell.trim_matches('`').split('…').map(str::trim) {
            let is_there = program.contains(part);
            assert!(is_there, "no text of the program has {part:?}, of {cell:?}");
        }
        count += 1;
    }
    assert!(count >= 40, "{count} texts");
}

#[test]
fn the_named_tests_exist() {
    let program = ["bridge-host/tests/it", "bridge-host/src", "adapter"]
        .map(|folder| sources(&root().join(folder)))
        .concat();
    let page = page("security.md");
    let spans = page.split('`').skip(1).step_by(2);
    let tests: Vec<_> = spans.filter_map(|span| span.rsplit_once("::")).collect();
    assert!(tests.len() >= 40, "{tests:?}");
    for (place, test) in tests {
        let declared = format!("fn {test}(");
        assert!(program.contains(&declared), "no test {place}::{test}");
    }
}
