//! The name that a component connects to selects the endpoint.

use std::path::Path;
use std::process::Command;

use super::{TEXT, adapter, run, wac};
use crate::harness::{Bridge, Config, Endpoint, binary, guest};

/// A subscription with `announce`; the lines have its component and its
/// endpoints.
fn announcing(lines: &str, to: &str) -> Config {
    let lines = format!("settings.announce_to = {to:?}\n{lines}");
    let announce = Config::subscription("announce", "news");
    announce.attempts(2).lines(&lines)
}

fn endpoints(endpoint: &Endpoint) -> String {
    format!(
        "endpoints = {{ shop = {:?}, books = {{ url = {:?}, headers = {{ x-fixed = \"yes\" }} }} }}",
        endpoint.url("/shop"),
        endpoint.url("/books"),
    )
}

/// Checks that each endpoint gets a copy, with its own settings and its own id.
async fn each_gets_its_own(lines: &str, endpoint: &Endpoint) {
    let bridge = Bridge::start(&announcing(lines, "shop, books")).await;
    let headers = [TEXT[0], ("x-kept", "yes")];
    let id = bridge.accept("news", &headers, "hello").await;
    let received = endpoint.wait_for(2).await;
    for (n, (path, fixed)) in [("/shop", ""), ("/books", "yes")].into_iter().enumerate() {
        let one = &received[n];
        assert_eq!((&*one.path, one.header("x-fixed")), (path, fixed));
        assert_eq!(one.id(), format!("{id}.announce.{}", n + 1));
        assert_eq!(one.header("message-topic"), "news");
        assert_eq!(one.header("content-type"), "text/plain");
        assert_eq!(one.header("x-kept"), "yes");
        assert_eq!(one.body, "hello");
    }
    let ledger = bridge.ledger_when("announce", |it| it.delivered == 1).await;
    assert!(ledger.balances(), "{ledger:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_reach_the_named_endpoints_of_the_config() {
    let endpoint = Endpoint::accepting().await;
    let component = format!("component = {:?}", guest("announce"));
    let lines = format!("{component}\n{}", endpoints(&endpoint));
    each_gets_its_own(&lines, &endpoint).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_reach_the_named_endpoints_when_wac_composes() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = folder.path().join("whole.wasm");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/produce/compose.wac");
    let mut compose = wac();
    compose.arg("compose").arg(source).arg("-o").arg(&whole);
    for (package, file) in [
        (
            "bridge:produce-by-name",
            adapter("produce-by-name", folder.path()),
        ),
        ("bridge:shell", adapter("shell", folder.path())),
        ("example:announce", guest("announce")),
    ] {
        compose.args(["--dep", &format!("{package}={}", file.display())]);
    }
    run(&mut compose);
    let endpoint = Endpoint::accepting().await;
    let lines = format!(
        "component = {whole:?}\nallow = [\"{}\"]\nsettings.\"endpoints.shop.url\" = {:?}\n\
         settings.\"endpoints.books.url\" = {:?}\nsettings.\"endpoints.books.headers.x-fixed\" = \"yes\"",
        endpoint.address,
        endpoint.url("/shop"),
        endpoint.url("/books"),
    );
    each_gets_its_own(&lines, &endpoint).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_runs_before_a_component_that_names_its_endpoint() {
    let endpoint = Endpoint::accepting().await;
    let chain = [guest("filter"), guest("enrich"), guest("announce")];
    let lines = format!("chain = {chain:?}\n{}", endpoints(&endpoint));
    let bridge = Bridge::start(&announcing(&lines, "books")).await;
    let id = bridge.accept("news", &TEXT, "hello").await;
    let received = endpoint.wait_for(1).await.remove(0);
    assert_eq!(received.header("enriched-by"), "enrich");
    assert_eq!(received.id(), format!("{id}.announce.1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_name_is_a_connection_error() {
    let endpoint = Endpoint::accepting().await;
    let component = format!("component = {:?}", guest("announce"));
    let lines = format!("{component}\n{}", endpoints(&endpoint));
    let bridge = Bridge::start(&announcing(&lines, "embedded")).await;
    let id = bridge.accept("news", &TEXT, "hello").await;
    let letter = bridge.dead_letter(&id).await;
    assert_eq!((letter.attempts, letter.status), (2, None));
    let reason = "no endpoint is named `embedded`; there are books, shop";
    assert!(letter.reason.contains(reason), "{}", letter.reason);
    let shown = bridge.command(&["check", "bridge.toml"]);
    assert!(
        shown.contains("endpoints.books.url        http://"),
        "{shown}"
    );
}

/// An HTTP handler uses no messages of the host, so one plug is enough.
#[tokio::test(flavor = "multi_thread")]
async fn an_http_handler_can_publish_to_a_named_endpoint() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = folder.path().join("whole.wasm");
    run(wac()
        .arg("plug")
        .arg(guest("poster"))
        .arg("--plug")
        .arg(adapter("produce-by-name", folder.path()))
        .arg("-o")
        .arg(&whole));
    let endpoint = Endpoint::accepting().await;
    let subscription = |name: &str| {
        let lines = format!(
            "allow = [\"{}\"]\nto = {{ component = {whole:?}, path = \"/?{name}\" }}\n\
             settings.\"endpoints.shop.url\" = {:?}",
            endpoint.address,
            endpoint.url("/shop"),
        );
        Config::subscription(name, name).lines(&lines)
    };
    let bridge = Bridge::start(&(subscription("shop") + subscription("missing"))).await;
    for (name, said) in [
        ("shop", "sent"),
        ("missing", "no endpoint is named `missing`"),
    ] {
        let id = bridge.accept(name, &TEXT, "hello").await;
        let letter = bridge.dead_letter(&id).await;
        assert!(letter.reason.contains(said), "{}", letter.reason);
    }
    let received = endpoint.received().remove(0);
    assert_eq!((&*received.path, &*received.id()), ("/shop", "its-own"));
    assert_eq!(received.header("x-kept"), "yes");
    assert_eq!(received.body, "by hand");
}

#[test]
fn endpoints_of_a_component_that_sends_nothing_are_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("bridge.toml");
    let wrong = |lines: &str| {
        let text = format!(
            "[[subscriptions]]\nname = \"a\"\ntopics = [\"a\"]\n{lines}\nendpoints = {{ b = \"http://c.example\" }}\n"
        );
        std::fs::write(&config, text).expect("a file");
        let output = Command::new(binary()).arg("check").arg(&config).output();
        let output = output.expect("the tool runs");
        assert_eq!(output.status.code(), Some(78));
        String::from_utf8(output.stderr).expect("UTF-8")
    };
    let filter = format!("chain = [{:?}]\nto = \"http://d.example\"", guest("filter"));
    let told = wrong(&filter);
    assert!(told.contains("sends no messages"), "{told}");
    assert!(told.contains(":6:"), "{told}");
    let both = format!(
        "chain = [{:?}]\nto = \"http://d.example\"",
        guest("announce")
    );
    let told = wrong(&both);
    assert!(
        told.contains("so its messages go to `to`, and `endpoints` has no effect"),
        "{told}"
    );
}
