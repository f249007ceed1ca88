//! What a handler can access on the machine: nothing, unless it is granted. Also how `inspect` and
//! `check` show it.

use std::process::Command;

use super::subscription;
use crate::harness::{Bridge, binary, guest, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_gets_no_environment_and_no_folder_by_default() {
    let config = subscription("ask", "/granted", "", "settings = { colour = \"green\" }");
    let bridge = Bridge::start(&config).await;
    let id = bridge.accept("ask", &[], "").await;
    let reason = bridge.dead_letter(&id).await.reason;
    let nothing = r#"settings Ok([("colour", "green")]) env [] folders []"#;
    assert!(reason.ends_with(nothing), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_gets_the_variables_and_folders_it_was_granted() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["notes", "data"] {
        let path = folder.path().join(name);
        std::fs::create_dir(&path).expect("a folder");
        std::fs::write(path.join("note"), format!("in {name}")).expect("a file");
    }
    let permissions = format!(
        ", permissions = {{ env = [\"REGION=eu\"], dirs = [{:?}, {{ path = {:?}, as = \"/data\", write = true }}] }}",
        folder.path().join("notes"),
        folder.path().join("data"),
    );
    let config = subscription("ask", "/granted", &permissions, "");
    let bridge = Bridge::start(&config).await;
    let id = bridge.accept("ask", &[], "").await;
    let reason = bridge.dead_letter(&id).await.reason;
    assert!(reason.contains(r#"env [("REGION", "eu")]"#), "{reason}");
    let notes = r#"Ok(\"in notes\") Err("#;
    assert!(reason.contains(notes), "{reason}");
    let data = r#"/data: Ok(\"in data\") Ok(\"made\")"#;
    assert!(reason.contains(data), "{reason}");

    let shown = bridge.command(&["check", "bridge.toml"]);
    let line = |key: &str| {
        let line = shown
            .lines()
            .find(|line| line.trim_start().starts_with(key));
        line.unwrap_or_else(|| panic!("no {key} in {shown}"))
    };
    let dirs = line("to.permissions.dirs");
    assert!(dirs.contains("write = false"), "{dirs}");
    assert!(
        dirs.contains("as = \"/data\"") && dirs.contains("write = true"),
        "{dirs}"
    );
    assert!(line("to.permissions.env").ends_with(" REGION"), "{shown}");
    assert!(!shown.contains("eu\n"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_prints_is_logged_under_its_name() {
    let bridge = Bridge::start(&subscription("talk", "/print", "", "")).await;
    let id = bridge.accept("talk", &[], "").await;
    bridge.ledger_when("talk", |it| it.delivered == 1).await;
    let line = until("the line", || async {
        let log = bridge.log();
        log.into_iter().find(|it| it.contains("printed by the"))
    })
    .await;
    let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(line["component"], "talk/responder", "{line}");
    assert_eq!(line["id"], id, "{line}");
    let text = line["message"].as_str().unwrap_or_default();
    assert!(text.starts_with("printed by the"), "{line}");
}

/// A line without a line end is complete when its call ends.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_line_of_a_call_is_logged_before_the_next() {
    let bridge = Bridge::start(&subscription("talk", "/print-part?half-a-line", "", "")).await;
    for printed in 1..=2 {
        bridge.accept("talk", &[], "").await;
        until("the line", || async {
            let log = bridge.log();
            let lines = log.iter().filter(|it| it.contains("\"half-a-line\""));
            (lines.count() == printed).then_some(())
        })
        .await;
    }
}

#[test]
fn inspect_says_how_it_is_used() {
    let file = guest("responder");
    let output = Command::new(binary()).arg("inspect").arg(&file).output();
    let text = String::from_utf8(output.expect("the tool runs").stdout).expect("UTF-8");
    let line = format!("to = {{ component = {file:?}, path = \"/\" }}");
    assert!(text.contains(&line), "{text}");
    assert!(text.contains("what `permissions` gives it"), "{text}");
}
