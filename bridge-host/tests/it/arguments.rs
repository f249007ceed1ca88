//! The arguments of `bridge-host forward`: errors name the arguments, not keys of a config.

use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use tempfile::TempDir;

use crate::harness::{Bridge, binary};

/// Returns the command `bridge-host forward` in a folder.
fn forward(arguments: &[&str], folder: &TempDir) -> Command {
    let mut command = Command::new(binary());
    command
        .arg("forward")
        .args(arguments)
        .current_dir(folder.path())
        .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[track_caller]
fn refused(arguments: &[&str], expected: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let Output { status, stderr, .. } = forward(arguments, &folder).output().unwrap();
    let told = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(2), "{told}");
    for expected in expected {
        assert!(told.contains(expected), "{expected:?} is not in {told}");
    }
    for wrong in ["to.url", "fault", "s3cret"] {
        assert!(!told.contains(wrong), "{wrong:?} is in {told}");
    }
    assert!(!folder.path().join("bridge-data").exists());
}

#[test]
fn errors_are_about_arguments_not_about_config_keys() {
    let scheme = "error: the URL must begin with http:// or https://";
    refused(&["orders.>", "shop.example/x"], &[scheme, "--help"]);
    let url = "http://h/";
    refused(&["a.>.b", url], &["error: pattern \"a.>.b\" has `>`"]);
    refused(&["a", url, "--topic", "a..b"], &["\"a..b\" has an empty"]);
    refused(&["a..b", "x"], &["has an empty word", scheme]);
    let user = "http://me:s3cret@h/";
    refused(&["a", user], &["the URL has a user or password"]);
    let long = format!("http://h/{}", "x".repeat(70_000));
    refused(&["a", &long], &["the URL is too long"]);
}

#[test]
fn the_former_name_of_a_command_leads_to_the_current_one() {
    let output = Command::new(binary())
        .args(["deadletters", "list"])
        .output();
    let output = output.expect("the binary runs");
    let error = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("'dead-letters'"), "{error}");
}

#[test]
fn an_intake_open_to_other_machines_requires_a_token() {
    let told = ["a", "http://h/", "--intake", "0.0.0.0:0"];
    refused(
        &told,
        &["0.0.0.0:0 is open to other machines", "--token-file"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intake_with_a_token_takes_only_requests_with_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "s3cret\n").unwrap();
    let told = ["a", "http://127.0.0.1:1/", "--intake", "0.0.0.0:0"];
    let told = [&told[..], &["--token-file", "token"]].concat();
    let child = forward(&told, &folder).spawn().unwrap();
    let bridge = Bridge::attach(child, Arc::new(folder)).await;
    assert_eq!(bridge.publish("a", &[], "x").await.status, 401);
    let token = [("authorization", "Bearer s3cret")];
    assert_eq!(bridge.publish("a", &token, "x").await.status, 202);
}

#[test]
fn a_token_file_with_two_words_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "s3cret words\n").unwrap();
    let told = ["a", "http://h/", "--token-file", "token"];
    let output = forward(&told, &folder).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains("token has no token") && !told.contains("s3cret"),
        "{told}"
    );
}
