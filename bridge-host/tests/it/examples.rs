//! The examples of the repository, with their configs. Only the endpoint and the folder of
//! the components are replaced.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Bridge, Endpoint, NatsServer, Reply, ReservedAddress, binary, guest};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Returns the config of an example with this endpoint.
fn config(example: &str, endpoint: &Endpoint) -> String {
    let path = root().join("examples").join(example).join("bridge.toml");
    let text = std::fs::read_to_string(path).expect("the example's config");
    let guests = guest("filter").parent().expect("a folder").join("");
    text.replace("http://127.0.0.1:9000/", &endpoint.url("/"))
        .replace("../../target/guests/", guests.to_str().expect("a path"))
}

fn run(command: &mut Command) {
    let output = command.output().expect("the tool runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn forward() {
    let endpoint = Endpoint::accepting().await;
    let bridge = Bridge::start(&config("forward", &endpoint)).await;
    let id = bridge.accept("orders.new", &JSON, r#"{"id": 1}"#).await;
    let received = endpoint.wait_for(1).await.remove(0);
    assert_eq!((received.path.as_str(), received.id()), ("/orders", id));
    assert_eq!(received.body, r#"{"id": 1}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn filter_enrich_by_its_chain() {
    let endpoint = Endpoint::accepting().await;
    filter_enrich(&config("filter-enrich", &endpoint), &endpoint).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn filter_enrich_by_the_compose_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = folder.path().join("orders.wasm");
    run(Command::new(binary())
        .arg("compose")
        .args([guest("filter"), guest("enrich")])
        .arg("-o")
        .arg(&whole));
    filter_enrich_as(&whole).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn filter_enrich_by_wac() {
    let folder = tempfile::tempdir().expect("a folder");
    let (whole, adapter) = (
        folder.path().join("orders.wasm"),
        folder.path().join("adapter.wasm"),
    );
    run(Command::new(binary()).args(["adapter", "-o"]).arg(&adapter));
    let mut wac = Command::new(root().join("target/tools/bin/wac"));
    wac.arg("compose")
        .arg(root().join("examples/filter-enrich/compose.wac"))
        .arg("-o")
        .arg(&whole);
    for (package, file) in [
        ("bridge:adapter", &adapter),
        ("example:filter", &guest("filter")),
        ("example:enrich", &guest("enrich")),
    ] {
        wac.args(["--dep", &format!("{package}={}", file.display())]);
    }
    run(&mut wac);
    filter_enrich_as(&whole).await;
}

/// Runs the example with a composed file instead of the chain.
async fn filter_enrich_as(whole: &Path) {
    let endpoint = Endpoint::accepting().await;
    let config = config("filter-enrich", &endpoint);
    let with_file = |line: &str| match line.starts_with("chain") {
        true => format!("component = {whole:?}\n"),
        false => format!("{line}\n"),
    };
    let config: String = config.lines().map(with_file).collect();
    assert!(config.contains("component"), "{config}");
    filter_enrich(&config, &endpoint).await;
}

/// Checks the example: one order is changed, one dropped and one split.
async fn filter_enrich(config: &str, endpoint: &Endpoint) {
    let bridge = Bridge::start(config).await;
    let large = bridge
        .accept("orders.new", &JSON, r#"{"id": 1, "amount": 250}"#)
        .await;
    bridge
        .accept("orders.new", &JSON, r#"{"id": 2, "amount": 5}"#)
        .await;
    let batch = r#"{"items": [{"id": 3}, {"id": 4, "currency": "CHF"}]}"#;
    let batch = bridge
        .accept("orders.batch", &[JSON[0], ("x-shop", "7")], batch)
        .await;
    bridge.accept("orders.batch", &JSON, r#"{"id": 5}"#).await;
    bridge
        .accept("orders.note", &[("content-type", "text/plain")], "no JSON")
        .await;

    let ledger = bridge
        .ledger_when("orders", |ledger| {
            ledger.delivered == 4 && ledger.filtered == 1
        })
        .await;
    assert!(ledger.balances(), "{ledger:?}");

    let mut received: Vec<_> = endpoint
        .received()
        .into_iter()
        .map(|one| {
            assert_eq!(one.header("enriched-by"), "enrich");
            let body = String::from_utf8(one.body.to_vec()).expect("text");
            let topic = one.header("message-topic").to_owned();
            (topic, body, one.id(), one.header("x-shop").to_owned())
        })
        .collect();
    received.sort();
    let row = |topic: &str, body: &str, id: Option<String>, shop: &str| {
        (topic.to_owned(), body.to_owned(), id, shop.to_owned())
    };
    let wanted = [
        row(
            "orders",
            r#"{"id":3,"currency":"EUR"}"#,
            Some(format!("{batch}.orders.1")),
            "7",
        ),
        row(
            "orders",
            r#"{"id":4,"currency":"CHF"}"#,
            Some(format!("{batch}.orders.2")),
            "7",
        ),
        row("orders.batch", r#"{"id":5,"currency":"EUR"}"#, None, ""),
        row(
            "orders.new",
            r#"{"id":1,"amount":250,"currency":"EUR"}"#,
            Some(large),
            "",
        ),
        row("orders.note", "no JSON", None, ""),
    ];
    assert_eq!(received.len(), wanted.len(), "{received:?}");
    for ((topic, body, id, shop), wanted) in received.into_iter().zip(wanted) {
        let id = wanted.2.is_some().then_some(id);
        assert_eq!((topic, body, id, shop), wanted);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lookup() {
    let directory = Endpoint::start(|request, before| match (&*request.path, before) {
        (_, 0) => Reply::status(503),
        ("/customers/7", _) => Reply::status(200).body("Ada Lovelace\n"),
        _ => Reply::status(404),
    })
    .await;
    let endpoint = Endpoint::accepting().await;
    let config = config("lookup", &endpoint);
    let bridge =
        Bridge::start(&config.replace("127.0.0.1:9001", &directory.address.to_string())).await;
    bridge.accept("orders.new", &[("customer", "7")], "1").await;
    let received = endpoint.wait_for(1).await.remove(0);
    assert_eq!(received.path, "/orders");
    assert_eq!(received.header("customer-name"), "Ada Lovelace");
    let id = bridge.accept("orders.new", &[("customer", "8")], "2").await;
    let reason = bridge.dead_letter(&id).await.reason;
    assert!(reason.contains("no customer 8"), "{reason}");
    let ledger = bridge.ledger_when("orders", |it| it.pending == 0).await;
    assert_eq!((ledger.delivered, ledger.dead_lettered), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn producer() {
    let endpoint = Endpoint::accepting().await;
    let bridge = Bridge::start(&config("producer", &endpoint)).await;
    let headers = [("content-type", "text/plain"), ("x-from", "a test")];
    let id = bridge.accept("events.greeting", &headers, "hello").await;
    let received = endpoint.wait_for(1).await.remove(0);
    assert_eq!(received.path, "/summaries");
    assert_eq!(received.header("message-topic"), "summaries.event");
    assert_eq!(received.id(), format!("{id}.summarise.1"));
    let summary: serde_json::Value = serde_json::from_slice(&received.body).expect("JSON");
    assert_eq!(summary["topic"], "events.greeting");
    assert_eq!(summary["content-type"], "text/plain");
    assert_eq!(summary["bytes"], 5);
    bridge
        .ledger_when("summarise", |ledger| ledger.delivered == 1)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handler_by_its_config() {
    let endpoint = Endpoint::accepting().await;
    handler(&config("handler", &endpoint), &endpoint).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handler_in_javascript() {
    handler_in("orders-javascript").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handler_in_python() {
    handler_in("orders-python").await;
}

/// Runs the same config with the same service in another language.
async fn handler_in(component: &str) {
    let endpoint = Endpoint::accepting().await;
    let config = config("handler", &endpoint);
    let rust = guest("filter").with_file_name("orders.wasm");
    let other = config.replace(
        rust.to_str().expect("a path"),
        guest(component).to_str().expect("a path"),
    );
    assert!(other.contains(component), "{other}");
    handler(&other, &endpoint).await;
}

/// One file with both interfaces, in two wasmtime stores, with handlers of several versions
/// of wasi:http 0.2.
#[tokio::test(flavor = "multi_thread")]
async fn handler_by_wac() {
    let folder = tempfile::tempdir().expect("a folder");
    both_by_wac(&folder.path().join("newer.wasm"), "wstd-handler");
    let both = folder.path().join("both.wasm");
    both_by_wac(&both, "orders");
    let endpoint = Endpoint::accepting().await;
    let config = config("handler", &endpoint);
    let alone = format!("{:?}", guest("filter").with_file_name("orders.wasm"));
    let whole = config.replace(&alone, &format!("{both:?}"));
    let whole = whole.replace("reply_to", &format!("component = {both:?}\nreply_to"));
    assert!(!whole.contains(&alone), "{whole}");
    handler(&whole, &endpoint).await;
}

/// Composes the adapter and a handler into one file.
fn both_by_wac(both: &Path, handler: &str) {
    let adapter = both.with_extension("adapter");
    run(Command::new(binary()).args(["adapter", "-o"]).arg(&adapter));
    let mut wac = Command::new(root().join("target/tools/bin/wac"));
    wac.arg("compose")
        .arg(root().join("examples/handler/compose.wac"))
        .arg("-o")
        .arg(both);
    for (package, file) in [
        ("bridge:adapter", &adapter),
        ("example:orders", &guest(handler)),
    ] {
        wac.args(["--dep", &format!("{package}={}", file.display())]);
    }
    run(&mut wac);
}

/// An order is confirmed and its confirmation posted; another order is refused.
async fn handler(config: &str, endpoint: &Endpoint) {
    let bridge = Bridge::start(config).await;
    let order = r#"{"id": 1, "amount": 250}"#;
    let id = bridge.accept("orders.new", &JSON, order).await;
    let nothing = r#"{"id": 2, "amount": 0}"#;
    let refused = bridge.accept("orders.new", &JSON, nothing).await;
    let received = endpoint.wait_for(1).await.remove(0);
    assert_eq!(received.path, "/confirmations");
    assert_eq!(received.id(), format!("{id}.orders.reply"));
    assert_eq!(received.header("status"), "201");
    assert_eq!(
        received.body,
        r#"{"order":1,"total":300,"status":"confirmed"}"#
    );
    let letter = bridge.dead_letter(&refused).await;
    assert_eq!((letter.attempts, letter.status), (1, Some(422)));
    assert!(letter.reason.contains("an order is for something"));
    let ledger = bridge.ledger_when("orders", |it| it.delivered == 1).await;
    assert!(ledger.balances(), "{ledger:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn asynchronous() {
    let endpoint = Endpoint::accepting().await;
    let bridge = Bridge::start(&config("async", &endpoint)).await;
    let order = r#"{"id": 1, "amount": 250}"#;
    bridge.accept("orders.new", &JSON, order).await;
    let small = r#"{"id": 2, "amount": 5}"#;
    bridge.accept("orders.new", &JSON, small).await;
    let ledger = bridge.ledger_when("orders", |it| it.pending == 0).await;
    assert_eq!((ledger.delivered, ledger.filtered), (1, 1), "{ledger:?}");
}

/// Runs the script: two hosts on JetStream, of which one is killed.
#[tokio::test(flavor = "multi_thread")]
async fn nats_takeover() {
    let (nats, shop) = (ReservedAddress::new(), ReservedAddress::new());
    let port = |reserved: &ReservedAddress| reserved.address.port().to_string();
    guest("filter");
    let mut script = Command::new(root().join("examples/nats/takeover.sh"));
    script
        .env("BRIDGE_HOST", binary())
        .env("NATS_PORT", port(&nats))
        .env("SHOP_PORT", port(&shop));
    let output = tokio::task::spawn_blocking(move || script.output());
    let output = output.await.expect("no panic").expect("the script runs");
    let told = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}\n{error}");
    assert!(told.contains("400 of 400 orders have arrived"), "{told}");
    println!("{told}");
}

/// Runs the config with other defaults, on a NATS server of this test.
#[tokio::test(flavor = "multi_thread")]
async fn nats() {
    let server = NatsServer::start().await;
    let endpoint = Endpoint::accepting().await;
    let config =
        config("nats", &endpoint).replace("${NATS_URL:nats://127.0.0.1:4222}", &server.url());
    let (_, config) = config.split_once("# Keeps").expect("the intake first");
    let bridge = Bridge::start_into("events", &format!("# Keeps{config}")).await;
    let id = bridge
        .accept("orders.new", &JSON, r#"{"id": 1, "amount": 250}"#)
        .await;
    bridge
        .accept("orders.new", &JSON, r#"{"id": 2, "amount": 5}"#)
        .await;
    let ledger = bridge
        .ledger_when("orders", |ledger| {
            ledger.delivered == 1 && ledger.filtered == 1
        })
        .await;
    assert!(ledger.balances(), "{ledger:?}");
    assert_eq!(endpoint.received()[0].id(), id);
}
