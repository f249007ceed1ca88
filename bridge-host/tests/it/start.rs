//! Where subscriptions begin: a new one where `start` says, a known one where it
//! stopped.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use crate::harness::{Bridge, Config, Endpoint, NatsServer, binary, until};

/// A subscription to `t.*` of this connection.
fn subscription(name: &str, from: &str, more: &str, endpoint: &Endpoint) -> Config {
    Config::subscription(name, "t.*")
        .from(from)
        .to(&endpoint.url(&format!("/{name}")))
        .lines("max_in_flight = 1")
        .lines(more)
}

/// Returns the messages that arrived at a path.
fn arrived(endpoint: &Endpoint, path: &str) -> Vec<String> {
    let received = endpoint.received().into_iter();
    let here = received.filter(|one| one.path == path);
    here.map(|one| String::from_utf8_lossy(&one.body).into_owned())
        .collect()
}

fn check(folder: &Path) -> String {
    let output = Command::new(binary())
        .arg("check")
        .current_dir(folder)
        .output()
        .expect("the tool runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Adds four subscriptions to a broker that has messages.
async fn four_new_ones(from: &str, connection: &str) -> Arc<tempfile::TempDir> {
    let endpoint = Endpoint::accepting().await;
    let config = connection.to_owned() + &subscription("old", from, "", &endpoint);
    let bridge = Bridge::start_into(from, &config).await;
    for (topic, data) in [("t.a", "1"), ("t.b", "2"), ("t.a", "3")] {
        until("the first delivery", || async {
            (bridge.publish(topic, &[], data).await.status == 202).then_some(())
        })
        .await;
    }
    endpoint.wait_for(3).await;
    let (_, folder) = bridge.stop();
    let file = folder.path().join("bridge.toml");
    let mut config = std::fs::read_to_string(&file).expect("a config");
    for start in ["all", "new", "last", "last_per_topic"] {
        let name = start.replace('_', "-");
        config += &subscription(&name, from, &format!("start = {start:?}"), &endpoint);
    }
    std::fs::write(&file, config).expect("a file");
    let told = check(folder.path());
    let bridge = Bridge::start_in(folder).await;
    until("the last delivery", || async {
        (bridge.publish("t.b", &[], "4").await.status == 202).then_some(())
    })
    .await;
    for (name, expected) in [
        ("/old", &["1", "2", "3", "4"][..]),
        ("/all", &["1", "2", "3", "4"]),
        ("/new", &["4"]),
        ("/last", &["3", "4"]),
        ("/last-per-topic", &["2", "3", "4"]),
    ] {
        until(&format!("the last message on {name}"), || async {
            let arrived = arrived(&endpoint, name);
            arrived.iter().any(|data| data == "4").then_some(())
        })
        .await;
        assert_eq!(arrived(&endpoint, name), expected, "{name}");
    }
    if from == "embedded" {
        assert!(
            told.contains("`all` is new, and receives the 3 stored messages"),
            "{told}"
        );
        assert!(!told.contains("`last` is new"), "{told}");
        let ledger = bridge.ledger("last-per-topic").await;
        assert!(ledger.balances() && ledger.accepted == 3, "{ledger:?}");
    }
    bridge.stop().1
}

#[tokio::test(flavor = "multi_thread")]
async fn new_subscriptions_begin_where_start_says() {
    let folder = four_new_ones("embedded", "").await;
    // One subscription is removed, and another narrows its topics.
    let file = folder.path().join("bridge.toml");
    let config = std::fs::read_to_string(&file).expect("a config");
    let (config, _) = config.rsplit_once("[[subscriptions]]").expect("the last");
    let config = config.replacen("\"t.*\"", "\"t.a\"", 1);
    std::fs::write(&file, config).expect("a file");
    let told = check(folder.path());
    for expected in [
        "`embedded` still keeps messages for `last-per-topic`",
        "`bridge-host ledger forget last-per-topic` deletes them",
        "`old` no longer has the topics t.*",
    ] {
        assert!(told.contains(expected), "{expected} is not in {told}");
    }
    let bridge = Bridge::start_in(folder).await;
    let log = bridge.log().join("\n");
    assert!(log.contains("no longer takes these topics"), "{log}");
    let before = bridge.ledger("old").await.accepted;
    bridge.accept("t.b", &[], "5").await;
    let after = bridge.ledger("old").await.accepted;
    assert_eq!(after, before, "a removed topic brings no message");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_subscriptions_on_jetstream_begin_where_start_says() {
    let server = NatsServer::start().await;
    let connection = format!(
        "[connections.events]\ntype = \"jetstream\"\nurl = {:?}\n",
        server.url()
    );
    four_new_ones("events", &connection).await;
}

/// `forward` to a URL that was corrected: delivered messages are not delivered
/// again.
#[tokio::test(flavor = "multi_thread")]
async fn forward_with_another_url_keeps_its_place() {
    let folder = Arc::new(tempfile::tempdir().expect("a folder"));
    let endpoint = Endpoint::accepting().await;
    for (path, data) in [("/wrong", "1"), ("/right", "2")] {
        let child = Command::new(binary())
            .args(["forward", "t.>", &endpoint.url(path)])
            .args(["--intake", "127.0.0.1:0"])
            .current_dir(folder.path())
            .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the bridge starts");
        let bridge = Bridge::attach(child, folder.clone()).await;
        bridge.accept("t.new", &[], data).await;
        until("its message", || async {
            (arrived(&endpoint, path) == [data]).then_some(())
        })
        .await;
        bridge
            .ledger_when("forward-t-6ae8f281", |it| it.pending == 0)
            .await;
        bridge.stop();
    }
    assert_eq!(endpoint.received().len(), 2);
}
