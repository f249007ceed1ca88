//! Checks the table of docs/guides/compose-with-wac.md row by row: a combination that the page says
//! works is run, and one that does not work must fail with the error that the page quotes.

mod row;
mod table;

use crate::harness::Bridge;
use row::{ROWS, Row, Tool};

/// Compares a cell of the page with the result.
fn compare(row: &Row, tool: Tool, made: &Result<String, String>) {
    let said = table::cell(row.messages, row.answers, tool.column());
    let place = format!("{} | {} | {}", row.messages, row.answers, tool.column());
    match made {
        Ok(_) => assert!(said.starts_with("yes"), "{place}: {said:?}, and it works"),
        Err(error) => {
            assert!(
                said.starts_with("no"),
                "{place}: {said:?}, and there is {error}"
            );
            let words = table::reason(&said);
            assert!(
                error.contains(&words),
                "{place}: {words:?} is not in: {error}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_is_as_the_document_has_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut config, mut names) = (String::new(), Vec::new());
    for (n, row) in ROWS.iter().enumerate() {
        for tool in Tool::ALL {
            let made = row.make(tool, folder.path());
            compare(row, tool, &made);
            if let Ok(lines) = made {
                let name = format!("row{n}-{tool:?}").to_lowercase();
                let topics = format!("name = {name:?}\ntopics = [{name:?}]\n");
                config += &format!("[[subscriptions]]\n{topics}{lines}\n");
                names.push(name);
            }
        }
    }
    assert_eq!(table::rows(), ROWS.len(), "rows of the document");
    let bridge = Bridge::start(&config).await;
    for name in &names {
        let order = "{\"id\":1,\"amount\":250}";
        let free = "{\"id\":2,\"amount\":0}";
        bridge.accept(name, &[], order).await;
        let free = bridge.accept(name, &[], free).await;
        let letter = bridge.dead_letter(&free).await;
        assert!(letter.reason.contains("422"), "{name}: {letter:?}");
        bridge.ledger_when(name, |it| it.delivered == 1).await;
    }
}
