//! The bridge while it starts, and while it drains.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{
    Answer, Bridge, Config, Endpoint, Reply, ReservedAddress, guest, request, until,
};

/// How soon an aborted start must end, on a busy machine.
const SOON: Duration = Duration::from_secs(10);

/// A subscription whose component takes long to compile.
fn slow(name: &str, component: &str) -> Config {
    Config::subscription(name, &format!("{name}.>"))
        .chain(&[guest(component)])
        .to("http://127.0.0.1:9/")
}

/// A subscription whose endpoint takes long to compile.
fn slow_endpoint(name: &str, component: &str) -> Config {
    let to = format!("to = {{ component = {:?} }}", guest(component));
    Config::subscription(name, &format!("{name}.>")).lines(&to)
}

/// A subscription whose topics come from its component.
fn asking() -> String {
    format!(
        "[[subscriptions]]\nname = \"asking\"\ncomponent = {:?}\nsettings = {{ subscribe = \"probe.>\" }}\n",
        guest("probe")
    )
}

/// Writes a config with this intake, and compiles into `cache`.
fn write(folder: &TempDir, intake: SocketAddr, cache: &str, subscriptions: &str) {
    let config = format!(
        "intake = {{ address = \"{intake}\" }}\nlog = {{ format = \"json\" }}\nwasm.cache = {cache:?}\n{subscriptions}"
    );
    std::fs::write(folder.path().join("bridge.toml"), config).expect("a file");
}

async fn asked(at: SocketAddr, path: &str) -> Answer {
    until("an answer", || async {
        request(at, "GET", path, &[], "").await.ok()
    })
    .await
}

/// Returns the answer of /readyz once its reason contains this text.
async fn reason(at: SocketAddr, says: &str) -> Value {
    until(&format!("{says:?} as a reason"), || async {
        let answer = asked(at, "/readyz").await;
        let told = answer.json();
        let is_it = told["reason"].as_str().is_some_and(|it| it.contains(says));
        (answer.status == 503 && is_it).then_some(told)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_taken_while_components_compile() {
    let (folder, reserved) = (
        Arc::new(tempfile::tempdir().unwrap()),
        ReservedAddress::new(),
    );
    let at = reserved.address;
    let both = slow("a", "python-middleware") + slow_endpoint("b", "orders-javascript");
    write(&folder, at, "cold", &both);
    let bridge = Bridge::begin_in(folder, at);
    assert_eq!(asked(at, "/healthz").await.status, 200);
    // The adapter is the third.
    let told = reason(at, "of 3 components compiled").await;
    assert_eq!(told["status"], "starting");
    bridge.accept("a.b", &[], "early").await;
    let ledger = asked(at, "/ledger").await.json();
    let pending = |n: usize| ledger["subscriptions"][n]["pending"].clone();
    assert_eq!((pending(0), pending(1)), (1.into(), 0.into()), "{ledger}");

    bridge.signal("HUP");
    until("the warning", || async {
        let log = bridge.log();
        log.iter()
            .any(|line| line.contains("SIGHUP is ignored"))
            .then_some(())
    })
    .await;
    reason(at, "components compiled").await;
    bridge.signal("TERM");
    let status = bridge.ended_within(SOON).await;
    assert!(status.success(), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_that_components_ask_for_are_remembered() {
    let (folder, reserved) = (
        Arc::new(tempfile::tempdir().unwrap()),
        ReservedAddress::new(),
    );
    let at = reserved.address;
    let both = asking() + &slow("a", "python-middleware");
    write(&folder, at, "cold", &both);
    let bridge = Bridge::begin_in(folder.clone(), at);
    reason(at, "components compiled").await;
    let answer = bridge.publish("probe.x", &[], "1").await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.headers["retry-after"], "1");
    bridge.signal("TERM");
    assert!(bridge.ended_within(SOON).await.success());

    write(&folder, at, "warm", &asking());
    let (status, folder) = Bridge::start_in(folder).await.stop();
    assert!(status.success());

    write(&folder, at, "colder", &both);
    let bridge = Bridge::begin_in(folder.clone(), at);
    reason(at, "components compiled").await;
    bridge.accept("probe.x", &[], "2").await;
    assert_eq!(bridge.ledger("asking").await.pending, 1);
    bridge.signal("TERM");
    assert!(bridge.ended_within(SOON).await.success());

    // Another component may return other topics.
    let other = both.replace("probe.>", "other.>");
    write(&folder, at, "coldest", &other);
    let bridge = Bridge::begin_in(folder, at);
    reason(at, "components compiled").await;
    assert_eq!(bridge.publish("other.x", &[], "3").await.status, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_answered_until_the_end_of_the_drain() {
    let endpoint = Endpoint::start(|_, _| Reply::status(204).after(Duration::from_secs(3))).await;
    let bridge = Bridge::start(&Config::all(&endpoint)).await;
    bridge.accept("orders.new", &[], "slow").await;
    endpoint.wait_for(1).await;
    bridge.signal("TERM");
    let told = reason(bridge.intake, "stopping").await;
    assert_eq!(told["status"], "draining");
    assert_eq!(asked(bridge.intake, "/healthz").await.status, 200);
    assert_eq!(bridge.ledger("all").await.pending, 1);
    let refused = bridge.publish("orders.new", &[], "late").await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert_eq!(refused.headers["retry-after"], "1");
    let status = bridge.ended_within(crate::harness::PATIENCE).await;
    assert!(status.success(), "{status}");
}
