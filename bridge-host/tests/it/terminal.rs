//! The output of commands: with text from outside, and to a closed pipe.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::harness::{Bridge, Config, Endpoint, Reply, binary, guest, request};

/// Starts a bridge with one dead letter, whose message has escape sequences.
async fn with_a_letter() -> (Bridge, String) {
    let endpoint = Endpoint::start(|_, _| Reply::status(400)).await;
    let bridge = Bridge::start(&Config::all(&endpoint)).await;
    let nasty = "\u{1b}]0;owned\u{7}\u{202e}gpj.exe\u{9b}2J";
    let line = serde_json::json!({
        "topic": "orders.\u{202e}new", "id": "letter", "content-type": format!("text/{nasty}"),
        "metadata": {"key": nasty, nasty: "value"}, "data": format!("line one\n{nasty}\tend"),
    });
    let answer = request(bridge.intake, "POST", "/batch", &[], format!("{line}\n")).await;
    assert_eq!(answer.expect("an answer").status, 200);
    let letter = bridge.dead_letter("letter").await;
    (bridge, letter.letter.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn escape_sequences_from_outside_are_not_printed() {
    let (bridge, letter) = with_a_letter().await;
    for command in [
        &["dead-letters", "list"][..],
        &["dead-letters", "list", "--json"],
        &["dead-letters", "show", &letter],
        &["dead-letters", "show", &letter, "--json"],
    ] {
        let shown = bridge.command(command);
        let odd = |c: char| (c.is_control() && c != '\n' && c != '\t') || c == '\u{202e}';
        assert!(!shown.contains(odd), "{command:?}: {shown:?}");
        assert!(shown.contains("202e"), "{command:?}: {shown}");
    }
    let shown = bridge.command(&["dead-letters", "show", &letter, "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(
        shown["topic"], "orders.\u{202e}new",
        "machines get it whole"
    );
}

/// Runs a command with closed standard output and error.
fn unread(bridge: &Bridge, arguments: &[&str]) -> (Option<i32>, String) {
    let closed = || {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        writer
    };
    let mut command = Command::new(binary());
    command.args(arguments).current_dir(bridge.folder.path());
    command.stdin(Stdio::null()).stdout(closed());
    let Output { status, stderr, .. } = command.output().expect("the tool runs");
    let told = String::from_utf8_lossy(&stderr).into_owned();
    // With both closed, it ends without an error, too.
    command.stdout(closed()).stderr(closed());
    let both = command.status().expect("the tool runs");
    assert_ne!(both.code(), Some(101), "{arguments:?} panics");
    (status.code(), told)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_pipe_ends_no_command_with_a_panic() {
    let (bridge, letter) = with_a_letter().await;
    let url = format!("http://{}", bridge.intake);
    let filter = guest("filter").display().to_string();
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["ledger"],
        &["ledger", "--json"],
        &["dead-letters", "list"],
        &["dead-letters", "list", "--json"],
        &["dead-letters", "show", &letter],
        &["dead-letters", "show", &letter, "--json"],
        &["check"],
        &["check", "--json"],
        &["check", "--verbose"],
        &["schema"],
        &["completions", "zsh"],
        &["man"],
        &["inspect", &filter],
        &["inspect", &filter, "--json"],
        &["adapter", "-o", "-"],
        &["compose", &filter, "-o", "-"],
        &["publish", "a", "b", "--to", &url],
        &["publish", "a", "b", "--json", "--to", &url],
        &["dead-letters", "replay", &letter],
    ] {
        let (code, told) = unread(&bridge, arguments);
        assert!(!told.contains("panicked"), "{arguments:?}: {told}");
        assert_eq!(code, Some(0), "{arguments:?}: {told}");
    }
    let failing = ["publish", "a", "b", "--json", "--to", "http://127.0.0.1:1"];
    assert_eq!(unread(&bridge, &failing).0, Some(1));
}

/// Commands that need a confirmation, and a replay without a running bridge.
#[tokio::test(flavor = "multi_thread")]
async fn dropping_all_letters_needs_yes_and_a_replay_says_that_no_bridge_runs() {
    let (bridge, letter) = with_a_letter().await;
    let folder = bridge.kill();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(binary());
        command.args(arguments).current_dir(folder.path());
        let Output {
            status,
            stdout,
            stderr,
        } = command.output().expect("the tool runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (status.code(), text(&stdout) + &text(&stderr))
    };
    let (code, told) = run(&["dead-letters", "drop", "--all"]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("--yes"), "{told}");
    let (code, told) = run(&["dead-letters", "replay", &letter]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("1 pending again: no bridge runs"), "{told}");
    let (code, told) = run(&["dead-letters", "drop", "--all", "--yes"]);
    assert_eq!((code, told.as_str()), (Some(0), "0 dropped\n"));
    // Without a config, `--data` names the folder, as in `forward`.
    std::fs::rename(
        folder.path().join("bridge.toml"),
        folder.path().join("other"),
    )
    .unwrap();
    std::fs::rename(
        folder.path().join("bridge-data"),
        folder.path().join("data"),
    )
    .unwrap();
    let (code, told) = run(&["ledger"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(
        told.contains("--config") && told.contains("--data"),
        "{told}"
    );
    let (code, told) = run(&["ledger", "--data", "data", "--json"]);
    assert_eq!(code, Some(0), "{told}");
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["subscriptions"][0]["pending"], 1, "{told}");
    let (_, told) = run(&["ledger", "--data", "data", "forget", "none"]);
    assert!(told.contains("it has all"), "{told}");
}

/// Creates a folder with this config, and the cache that all tests share.
fn folder(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled");
    let top = format!("wasm.cache = {:?}\n", cache.display().to_string());
    std::fs::write(folder.path().join("bridge.toml"), top + config).expect("a file");
    folder
}

#[test]
fn a_long_error_of_a_component_is_shortened() {
    let topic = format!("a..{}", "\u{202e}x".repeat(50_000));
    let folder = folder(&format!(
        "[[subscriptions]]\nname = \"probe\"\ncomponent = {:?}\nsettings = {{ subscribe = \"{topic}\" }}\n",
        guest("probe")
    ));
    let output = Command::new(binary())
        .arg("check")
        .current_dir(folder.path())
        .output()
        .expect("the tool runs");
    let told = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(78), "{told}");
    assert!(told.contains("`subscribe` returns"), "{told}");
    assert!(told.len() < 20_000, "{} bytes", told.len());
    assert!(!told.contains('\u{202e}'));
}

#[test]
fn the_start_names_the_component_that_answers() {
    let folder = folder(&format!(
        "intake.address = \"127.0.0.1:0\"\n[[subscriptions]]\nname = \"orders\"\ntopics = [\"a\"]\n\
         to = {{ component = {:?} }}\n",
        guest("responder")
    ));
    let mut bridge = Command::new(binary())
        .arg("run")
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the bridge starts");
    let lines = BufReader::new(bridge.stdout.take().expect("stdout")).lines();
    let told = lines.map_while(Result::ok);
    let told = told
        .into_iter()
        .find(|line| line.trim().starts_with("orders"));
    bridge.kill().expect("a process");
    bridge.wait().expect("a status");
    let told = told.expect("a line about it");
    assert!(told.ends_with("a -> responder.wasm"), "{told}");
}

/// The log contains text of components and publishers.
#[test]
fn escape_sequences_in_the_log_are_escaped() {
    let folder = folder(&format!(
        "intake.address = \"127.0.0.1:0\"\n[[subscriptions]]\nname = \"probe\"\n\
         topics = [\"probe.>\"]\ncomponent = {:?}\n",
        guest("probe")
    ));
    let mut bridge = Command::new(binary())
        .arg("run")
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the bridge starts");
    let lines = BufReader::new(bridge.stdout.take().expect("stdout")).lines();
    let mut lines = lines.map_while(Result::ok);
    let intake = lines.find_map(|line| {
        let (_, url) = line.split_once("http://")?;
        Some(format!("http://{}", url.split('/').next()?))
    });
    let data = "\u{1b}[2J\u{202e}gone\u{9b}2J";
    let published = Command::new(binary())
        .args([
            "publish",
            "probe.other",
            data,
            "--to",
            &intake.expect("an address"),
        ])
        .status();
    assert!(published.expect("the tool runs").success());
    let log = BufReader::new(bridge.stderr.take().expect("stderr")).lines();
    let mut log = log.map_while(Result::ok);
    let told = log.find(|line| line.contains("dead letter"));
    bridge.kill().expect("a process");
    bridge.wait().expect("a status");
    let told = told.expect("a line about the letter");
    assert!(told.contains("gone"), "{told:?}");
    assert!(!told.contains(['\u{1b}', '\u{202e}', '\u{9b}']), "{told:?}");
}
