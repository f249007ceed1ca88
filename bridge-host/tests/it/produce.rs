//! Components that publish, with an adapter in place of a broker: through the
//! config, and composed with wac.

mod by_name;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Bridge, Config, Endpoint, Reply, binary, guest};

const TEXT: [(&str, &str); 1] = [("content-type", "text/plain")];

fn run(command: &mut Command) {
    let output = command.output().expect("the tool runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
}

/// Returns the wac CLI, which `cargo xtask test` installs.
fn wac() -> Command {
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/bin/wac"))
}

/// Writes a built-in adapter to a file.
fn adapter(kind: &str, folder: &Path) -> PathBuf {
    let file = folder.join(kind).with_extension("wasm");
    let mut command = Command::new(binary());
    run(command.args(["adapter", "--kind", kind, "-o"]).arg(&file));
    file
}

/// A subscription with `summarise`, in this form, and this endpoint.
fn summarising(component: &str, to: &str) -> Config {
    Config::subscription("summarise", "events.>")
        .lines(component)
        .to(to)
        .attempts(2)
        .lines("settings = { connection = \"embedded\", topic = \"summaries\" }")
}

/// Checks that the summary arrives as a webhook, and counts as an exchange.
async fn is_posted(component: &str) {
    let endpoint = Endpoint::accepting().await;
    let bridge = Bridge::start(&summarising(component, &endpoint.url("/in"))).await;
    let id = bridge.accept("events.greeting", &TEXT, "hello").await;
    let received = endpoint.wait_for(1).await.remove(0);
    assert_eq!((&*received.path, &*received.method), ("/in", "POST"));
    assert_eq!(received.header("message-topic"), "summaries");
    assert_eq!(received.header("content-type"), "application/json");
    assert_eq!(received.id(), format!("{id}.summarise.1"));
    let summary: serde_json::Value = serde_json::from_slice(&received.body).expect("JSON");
    assert_eq!(summary["bytes"], 5);
    let ledger = bridge
        .ledger_when("summarise", |it| it.delivered == 1)
        .await;
    assert!(ledger.balances(), "{ledger:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_a_chain_go_to_its_endpoint() {
    is_posted(&format!("chain = [{:?}]", guest("summarise"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_a_component_plugged_by_wac_go_to_its_endpoint() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = folder.path().join("whole.wasm");
    run(wac()
        .arg("plug")
        .arg(guest("summarise"))
        .arg("--plug")
        .arg(adapter("produce", folder.path()))
        .arg("-o")
        .arg(&whole));
    is_posted(&format!("component = {whole:?}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_runs_before_a_component_that_sends() {
    let chain = [guest("filter"), guest("enrich"), guest("summarise")];
    is_posted(&format!("chain = {chain:?}")).await;
}

/// The same as for forwarded messages: the host retries under the same id, not
/// before a Retry-After allows, and a permanent status ends the retries.
#[tokio::test(flavor = "multi_thread")]
async fn statuses_mean_the_same_as_when_forwarding() {
    let endpoint = Endpoint::start(|_, before| match before {
        0 => Reply::status(503).with("retry-after", "1"),
        1 => Reply::status(204),
        _ => Reply::status(410),
    })
    .await;
    let chain = format!("chain = [{:?}]", guest("summarise"));
    let config = summarising(&chain, &endpoint.url("/"));
    let bridge = Bridge::start(&config.replace("max_delay = \"2ms\"", "max_delay = \"5s\"")).await;
    bridge.accept("events.a", &TEXT, "hello").await;
    let received = endpoint.wait_for(2).await;
    assert_eq!(received[0].id(), received[1].id());
    let waited = received[1].at - received[0].at;
    assert!(waited.as_millis() >= 1000, "{waited:?}");
    bridge
        .ledger_when("summarise", |it| it.delivered == 1)
        .await;
    let id = bridge.accept("events.b", &TEXT, "hello").await;
    let letter = bridge.dead_letter(&id).await;
    assert_eq!((letter.attempts, letter.status), (1, Some(410)));
    assert!(letter.reason.contains("answered 410"), "{}", letter.reason);
}

#[tokio::test(flavor = "multi_thread")]
async fn check_shows_where_messages_are_posted() {
    let chain = format!("chain = [{:?}]", guest("summarise"));
    let bridge = Bridge::start(&summarising(&chain, "http://127.0.0.1:9/in")).await;
    let shown = bridge.command(&["check", "bridge.toml"]);
    assert!(
        shown.contains("summarise.wasm > the adapter, for what the chain publishes"),
        "{shown}"
    );
}
