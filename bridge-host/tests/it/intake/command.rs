//! The commands `publish` and `receive`, run as processes.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::running::{Outside, Running};
use crate::harness::ReservedAddress;

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bridge-host"));
    command.args(arguments);
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped());
    command.stderr(Stdio::piped());
    command
}

/// Runs a command to its end, while the intake runs in this process.
async fn run(arguments: &[&str], input: &str) -> Output {
    let mut child = command(arguments).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let output = tokio::task::spawn_blocking(move || {
        // A command that reads no input may have closed it.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        child.wait_with_output().unwrap()
    });
    output.await.unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn one_message_is_published_and_its_id_told() {
    let bridge = Running::start().await;
    let told = ["publish", "orders.new", "--to", bridge.url()];
    let more = ["--content-type", "application/json", "--metadata", "k=v=w"];
    let output = run(&[&told[..], &more].concat(), "{\"n\": 1.0}\n").await;
    assert!(output.status.success(), "{output:?}");

    let incoming = bridge.next().await;
    assert_eq!(incoming.message.data, "{\"n\": 1.0}\n");
    assert_eq!(
        incoming.message.content_type.as_deref(),
        Some("application/json")
    );
    assert_eq!(incoming.message.metadata, [("k".into(), "v=w".into())]);
    assert_eq!(text(&output.stdout).trim(), incoming.id.as_str());

    let again = ["publish", "t", "data", "--id", "once", "--to", bridge.url()];
    assert_eq!(text(&run(&again, "").await.stdout), "once\n");
    assert_eq!(text(&run(&again, "").await.stdout), "once (a duplicate)\n");
}

#[tokio::test]
async fn every_line_that_is_not_published_is_named() {
    let bridge = Running::start().await;
    let lines = "{\"data\":\"a\"}\nnonsense\n\n{\"topic\":\"a..b\",\"data\":\"\"}\n{\"topic\":\"u\",\"data\":[1]}";
    let told = [
        "publish",
        "t",
        "--ndjson",
        "-",
        "--json",
        "--to",
        bridge.url(),
    ];
    let output = run(&told, lines).await;
    assert_eq!(output.status.code(), Some(1));
    let errors = text(&output.stderr);
    assert!(
        errors.contains("line 2: this line is not a message"),
        "{errors}"
    );
    assert!(
        errors.contains("line 4: topic \"a..b\" has an empty word"),
        "{errors}"
    );
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&summary["accepted"], &summary["failed"]),
        (&json!(2), &json!(2))
    );
    let mut topics = [
        bridge.next().await.message.topic.clone(),
        bridge.next().await.message.topic.clone(),
    ];
    topics.sort();
    assert_eq!(topics, ["t", "u"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_keep_the_order_of_their_lines() {
    let bridge = Running::start().await;
    let line = |n: usize| format!("{n} {}\n", "x".repeat(n * 7919 % 50_000));
    let lines: String = (0..500).map(line).collect();
    let told = ["publish", "t", "--ndjson", "-", "--raw-lines"];
    let output = run(&[&told[..], &["--to", bridge.url()]].concat(), &lines).await;
    assert!(output.status.success(), "{output:?}");
    for n in 0..500 {
        let data = bridge.next().await.message.data.clone();
        assert_eq!(text(&data).split(' ').next(), Some(&*n.to_string()));
    }
}

#[tokio::test]
async fn text_of_nothing_but_escapes_is_published() {
    let bridge = Running::start_with(bridge_host::ingest::Settings {
        max_body: 1 << 20,
        ..Default::default()
    });
    let bridge = bridge.await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log");
    let data = "\u{1b}".repeat(1 << 20);
    std::fs::write(&file, &data).unwrap();
    let told = ["publish", "t", "--file", file.to_str().unwrap()];
    let output = run(&[&told[..], &["--to", bridge.url()]].concat(), "").await;
    assert!(output.status.success(), "{output:?}");
    assert!(bridge.next().await.message.data == data);
}

#[tokio::test]
async fn without_a_bridge_the_error_says_how_to_start_one() {
    let nobody = ReservedAddress::new();
    let url = nobody.url("");
    let output = run(&["publish", "t", "data", "--to", &url], "").await;
    assert_eq!(output.status.code(), Some(1));
    let errors = text(&output.stderr);
    assert!(
        errors.contains("no bridge listens") && errors.contains("bridge-host run"),
        "{errors}"
    );
}

#[tokio::test]
async fn it_waits_for_a_bridge_and_doubles_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let lines: String = (0..500).map(|n| format!("{n}\n")).collect();
    let mut publish = tokio::spawn(async move {
        let told = [
            "publish",
            "t",
            "--ndjson",
            "-",
            "--raw-lines",
            "--wait",
            "--to",
            &url,
        ];
        run(&told, &lines).await
    });
    // Another server answers first, and stops.
    tokio::select! {
        stranger = listener.accept() => drop(stranger.unwrap()),
        output = &mut publish => panic!("it did not wait: {output:?}"),
    }
    let bridge = Running::start_on(listener, Default::default()).await;
    let output = publish.await.unwrap();
    assert!(output.status.success(), "{output:?}");
    for n in 0..500 {
        let data = bridge.next().await.message.data.clone();
        assert_eq!(text(&data), n.to_string());
    }
}

/// A running `bridge-host receive` and its address.
struct Receiver {
    child: Child,
    errors: BufReader<std::process::ChildStderr>,
    url: String,
}

impl Receiver {
    fn start(arguments: &[&str]) -> Self {
        let told = ["receive", "--address", "127.0.0.1:0"];
        let mut child = command(&[&told[..], arguments].concat()).spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        errors.read_line(&mut line).unwrap();
        let url = line
            .strip_prefix("listening on ")
            .and_then(|rest| rest.split(';').next());
        let url = url.unwrap_or_else(|| panic!("{line}")).to_owned();
        Self { child, errors, url }
    }

    /// Sends SIGTERM; returns standard output, and the rest of standard error.
    fn stop(mut self) -> (String, String) {
        let id = self.child.id().to_string();
        let killed = Command::new("kill").args(["-TERM", &id]).status();
        assert!(killed.unwrap().success());
        let (mut shown, mut words) = (String::new(), String::new());
        let mut out = self.child.stdout.take().unwrap();
        out.read_to_string(&mut shown).unwrap();
        self.errors.read_to_string(&mut words).unwrap();
        assert!(self.child.wait().unwrap().success());
        (shown, words)
    }
}

#[tokio::test]
async fn what_arrives_is_shown_and_logged() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.ndjson");
    let bodies = folder.path().join("bodies");
    let receiver = Receiver::start(&[
        "--fail-first",
        "1",
        "--retry-after",
        "2s",
        "--log",
        log.to_str().unwrap(),
        "--save",
        bodies.to_str().unwrap(),
    ]);
    let outside = Outside::new(&receiver.url);
    let mut replies = Vec::new();
    for _ in 0..3 {
        let post = outside
            .post("/hooks")
            .header("webhook-id", "evt_1")
            .header("message-topic", "orders.new");
        replies.push(post.send("hello").await);
    }
    let statuses: Vec<_> = replies.iter().map(|reply| reply.status.as_u16()).collect();
    assert_eq!(statuses, [503, 204, 204]);
    assert_eq!(replies[0].headers["retry-after"], "2");

    let mut post = outside.post("/hooks");
    for n in 0..1_000 {
        post = post.header(&format!("key-{n}"), "x".repeat(900));
    }
    assert_eq!(post.send("").await.status, 204);

    let (shown, words) = receiver.stop();
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines.len(), 4, "{shown}");
    assert!(
        lines[0].ends_with(" 503 evt_1 orders.new - 5 bytes hello"),
        "{shown}"
    );
    assert!(words.contains("4 requests: 3 accepted"), "{words}");
    assert!(words.contains("1 of them duplicates; 1 failed"), "{words}");

    let log = std::fs::read_to_string(log).unwrap();
    let first: Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    let hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    assert_eq!(first["sha256"], hash);
    assert_eq!(
        (&first["status"], &first["length"]),
        (&json!(503), &json!(5))
    );
    assert_eq!(
        (&first["id"], &first["topic"]),
        (&json!("evt_1"), &json!("orders.new"))
    );
    assert_eq!(std::fs::read(bodies.join("evt_1")).unwrap(), b"hello");
}

#[tokio::test]
async fn a_bridge_that_is_not_there_takes_nothing() {
    let nobody = ReservedAddress::new();
    let url = nobody.url("");
    let output = run(&["publish", "t", "data", "--json", "--to", &url], "").await;
    assert_eq!(output.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["accepted"], &told["failed"]), (&json!(0), &json!(1)));
    let reason = told["failures"][0]["error"].as_str().unwrap();
    assert!(reason.contains("no bridge listens"), "{reason}");

    let arguments = ["publish", "t", "--ndjson", "-", "--json", "--to", &url];
    let output = run(&arguments, "{\"data\":1}\nnonsense\n{\"data\":2}\n").await;
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    // The number of lines that were read by then.
    assert!(told["failed"].as_u64() >= Some(1), "{told}");
    let ended = told["ended"].as_str().unwrap();
    assert!(ended.contains("no bridge listens"), "{told}");
    assert_eq!(text(&output.stderr).matches("no bridge listens").count(), 1);
}

/// Errors of the command and of the bridge come in the order of the lines, with columns of
/// the user's lines.
#[tokio::test]
async fn errors_come_in_order_and_with_the_columns_of_the_line() {
    let bridge = Running::start().await;
    let lines = concat!(
        "{\"data\":\"\",\"topic\":7}\n",
        "{\"data\":\"\" x}\n",
        "{\"data\":1,\"id\":{}}\n",
        "nonsense\n",
    );
    let arguments = ["publish", "t", "--ndjson", "-", "--to", bridge.url()];
    let output = run(&arguments, lines).await;
    let errors: Vec<_> = text(&output.stderr).lines().map(str::to_owned).collect();
    let begins = ["line 1: ", "line 2: ", "line 3: ", "line 4: "];
    for (error, begin) in errors.iter().zip(begins) {
        assert!(error.starts_with(begin), "{errors:?}");
        assert!(!error.contains("line 1 column"), "{errors:?}");
    }
    assert!(errors[0].ends_with("column 20"), "{errors:?}");
    assert!(errors[1].ends_with("column 12"), "{errors:?}");
    assert!(errors[2].contains("column 15"), "{errors:?}");
}

#[tokio::test]
async fn what_was_taken_and_not_answered_is_counted() {
    // There is no sign that the request has arrived; on a busy machine it takes longer.
    for wait in [1, 4, 16, 64] {
        let receiver = Receiver::start(&["--delay", "1h"]);
        let outside = Outside::new(&receiver.url);
        let post = outside.post("/hooks").header("webhook-id", "evt_1");
        let answer = tokio::time::timeout(Duration::from_secs(wait), post.send("hello"));
        assert!(answer.await.is_err(), "it is answered in an hour");
        let (_, words) = receiver.stop();
        if !words.contains("0 requests") {
            assert!(words.contains("1 requests: 0 accepted"), "{words}");
            assert!(words.contains("1 not answered"), "{words}");
            return;
        }
    }
    panic!("no request is counted");
}

#[tokio::test]
async fn json_has_the_whole_message_on_request() {
    let receiver = Receiver::start(&["--json", "--body"]);
    let outside = Outside::new(&receiver.url);
    for body in [&b"hello"[..], &[0, 255]] {
        let post = outside.post("/hooks").header("message-topic", "a.b");
        post.header("x-key", "v").send(body.to_vec()).await;
    }
    let (shown, _) = receiver.stop();
    let read = |line| serde_json::from_str::<Value>(line).unwrap();
    let lines: Vec<_> = shown.lines().map(read).collect();
    assert_eq!(lines[0]["data"], "hello", "{shown}");
    assert_eq!(lines[0]["metadata"]["x-key"], "v", "{shown}");
    assert_eq!(lines[1]["data_base64"], "AP8=", "{shown}");
}
