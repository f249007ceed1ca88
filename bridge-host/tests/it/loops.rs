//! Loops between subscriptions: each ends in a dead letter, on every broker, and
//! `check` reports those that the config shows.

use crate::harness::{
    Bridge, Config, Endpoint, Letter, NatsServer, Reply, binary, guest, request, until,
};

/// The default of `delivery.max_hops`.
const MAX_HOPS: usize = 16;

/// Two subscriptions to this connection that reply to each other.
fn replying(from: &str, url: &str) -> Config {
    let one = |name: &str, other: &str| {
        let reply_to = format!("reply_to = {{ connection = {from:?}, topic = \"{other}.in\" }}");
        let subscription = Config::subscription(name, &format!("{name}.in"));
        subscription.from(from).to(url).lines(&reply_to)
    };
    one("ping", "pong") + one("pong", "ping")
}

async fn looped(bridge: &Bridge) -> Letter {
    until("the dead letter that ends the loop", || async {
        bridge.dead_letters().pop()
    })
    .await
}

/// Publishes into the loop, and checks that it ends.
async fn loops_and_ends(bridge: &Bridge, endpoint: &Endpoint) {
    bridge.accept("ping.in", &[], "go").await;
    let letter = looped(bridge).await;
    assert!(letter.reason.contains("suggests a loop"), "{letter:?}");
    assert!(letter.reason.contains("`delivery.max_hops`"), "{letter:?}");
    assert_eq!((letter.attempts, letter.subscription.as_str()), (1, "pong"));
    assert_eq!(endpoint.received().len(), MAX_HOPS + 1);
    for received in endpoint.received() {
        assert_eq!(received.header("bridge-hops"), "", "the host keeps it");
    }
    let logged = bridge.log();
    let told = logged
        .iter()
        .find(|line| line.contains("go round in a loop"));
    let told: serde_json::Value = serde_json::from_str(told.expect("a warning")).expect("JSON");
    assert_eq!(
        told["path"],
        "ping -> pong.in (reply_to) -> pong -> ping.in (reply_to) -> ping"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_of_replies_ends_in_a_dead_letter() {
    let endpoint = Endpoint::start(|_, _| Reply::status(200)).await;
    let bridge = Bridge::start(&replying("embedded", &endpoint.url("/"))).await;
    loops_and_ends(&bridge, &endpoint).await;
    for name in ["ping", "pong"] {
        let ledger = bridge.ledger_when(name, |it| it.pending == 0).await;
        assert!(ledger.balances(), "{ledger:?}");
    }

    // A replay counts hops anew, because the operator may have broken the loop.
    let first = bridge.dead_letters().remove(0).letter.to_string();
    bridge.command(&["dead-letters", "replay", &first]);
    endpoint.wait_for(2 * (MAX_HOPS + 1)).await;
    let second = looped(&bridge).await;
    assert_ne!(second.letter.to_string(), first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_of_replies_ends_on_core_nats() {
    ends_over("nats").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_of_replies_ends_on_jetstream() {
    ends_over("jetstream").await;
}

async fn ends_over(kind: &str) {
    let server = NatsServer::start().await;
    let endpoint = Endpoint::start(|_, _| Reply::status(200)).await;
    let config = format!(
        "[connections.events]\ntype = {kind:?}\nurl = {:?}\n{}",
        server.url(),
        replying("events", &endpoint.url("/"))
    );
    let bridge = Bridge::start_into("events", &config).await;
    until("the connection", || async {
        let ready = request(bridge.intake, "GET", "/readyz", &[], "").await;
        (ready.ok()?.status == 200).then_some(())
    })
    .await;
    loops_and_ends(&bridge, &endpoint).await;
}

/// Loops that the config shows, and one chain that is not a loop.
const CONFIG: &str = r#"
delivery = { max_hops = 5 }

[[subscriptions]]
name = "orders"
topics = ["orders.>"]
to = "https://shop.example/orders"
reply_to = { topic = "stock.ask" }

[[subscriptions]]
name = "stock"
topics = ["stock.*"]
to = "https://shop.example/stock"
reply_to = { topic = "audit.stock" }

[[subscriptions]]
name = "audit"
topics = ["audit.>"]
to = "https://shop.example/audit"
reply_to = { topic = "orders.audited" }

[[subscriptions]]
name = "own"
topics = ["mine.new"]
to = "http://localhost:8484/topics/mine.new"

[[subscriptions]]
name = "no-loop"
topics = ["other"]
to = "http://127.0.0.1:8484/topics/orders.other"
"#;

#[test]
fn check_tells_the_path_of_each_loop() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("bridge.toml"), CONFIG).expect("a file");
    let output = std::process::Command::new(binary())
        .args(["check", "--json"])
        .current_dir(folder.path())
        .output()
        .expect("the tool runs");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let warnings: Vec<String> =
        serde_json::from_value(told["config"]["warnings"].clone()).expect("texts");
    let paths = [
        "orders -> stock.ask (reply_to) -> stock -> audit.stock (reply_to) -> audit -> \
         orders.audited (reply_to) -> orders: a message that made more than 5 hops becomes a dead letter",
        "own -> mine.new (to, this bridge's intake) -> own: hops are not counted",
    ];
    assert_eq!(warnings.len(), paths.len(), "{warnings:?}");
    for (warning, path) in warnings.iter().zip(paths) {
        assert!(warning.contains(path), "{warning}");
    }
}

/// The component copies all metadata, and pretends that the message made no hop.
#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_publishes_to_its_own_topic_ends() {
    let probe = Config::subscription("probe", "probe.>").component(guest("probe"));
    let bridge = Bridge::start_with("delivery.max_hops = 5", &probe).await;
    let line = serde_json::json!({
        "topic": "probe.echo", "data": "",
        "metadata": {"connection": "embedded", "reply-topic": "probe.echo", "bridge-hops": "-9", "kept": "1"},
    });
    let answer = request(bridge.intake, "POST", "/batch", &[], format!("{line}\n")).await;
    assert_eq!(answer.expect("an answer").status, 200);
    let letter = looped(&bridge).await;
    assert!(letter.reason.contains("6 hops"), "{letter:?}");
    let ledger = bridge.ledger_when("probe", |it| it.pending == 0).await;
    assert_eq!((ledger.accepted, ledger.delivered), (7, 6), "{ledger:?}");
    let shown = bridge.command(&["dead-letters", "show", &letter.letter.to_string()]);
    assert!(
        shown.contains("bridge-hops: 6") && shown.contains("kept: 1"),
        "{shown}"
    );
}

/// Dead letters that are published, consumed and given up again: the last one
/// stays in the local store, from which no subscription reads.
#[tokio::test(flavor = "multi_thread")]
async fn a_loop_of_dead_letters_ends() {
    let server = NatsServer::start().await;
    let endpoint = Endpoint::start(|_, _| Reply::status(400)).await;
    let one = |name: &str, topic: &str, other: &str| {
        let letters = format!("dead_letters = {{ connection = \"events\", topic = {other:?} }}");
        let subscription = Config::subscription(name, topic).from("events");
        subscription.to(&endpoint.url("/")).lines(&letters)
    };
    let top = format!(
        "[delivery]\nmax_hops = 4\n[connections.events]\ntype = \"jetstream\"\nurl = {:?}\n",
        server.url(),
    );
    let both = one("orders", "orders.new", "dead.new") + one("dead", "dead.new", "orders.new");
    let config = top + &both;
    let bridge = Bridge::start_into("events", &config).await;
    until("the connection", || async {
        let ready = request(bridge.intake, "GET", "/readyz", &[], "").await;
        (ready.ok()?.status == 200).then_some(())
    })
    .await;
    bridge.accept("orders.new", &[], "go").await;
    let letter = looped(&bridge).await;
    assert_eq!(letter.status, Some(400), "{letter:?}");
    assert_eq!(endpoint.received().len(), 5);
    let path = "orders -> dead.new (dead_letters) -> dead -> orders.new (dead_letters) -> orders";
    assert!(bridge.log().join("\n").contains(path));
}
