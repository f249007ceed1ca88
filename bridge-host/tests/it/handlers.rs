//! HTTP handlers in process as endpoints: the requests that they get, and the outcomes of their
//! responses.

mod crash;
mod denied;
mod equality;
mod failures;
mod granted;
mod memory;
mod published;
mod replies;
mod trailers;
mod upstreams;
mod waiting;

use crate::harness::{Bridge, Config, Endpoint, guest};

/// Handlers of wasi:http 0.2 and 0.3 that do what a request tells them.
const HANDLERS: [&str; 2] = ["responder", "service"];

/// Returns a subscription to the topic `name` with the handler as its endpoint. `to` has further
/// keys of `to`, and `lines` further lines of the subscription.
fn subscription(name: &str, path: &str, to: &str, lines: &str) -> Config {
    subscription_of("responder", name, path, to, lines)
}

/// Returns a subscription as [`subscription`] does, with this handler.
fn subscription_of(handler: &str, name: &str, path: &str, to: &str, lines: &str) -> Config {
    let handler = guest(handler);
    Config::subscription(name, name)
        .lines(&format!(
            "to = {{ component = {handler:?}, path = {path:?}{to} }}"
        ))
        .attempts(2)
        .lines(lines)
}

/// Returns a subscription whose replies go to `replies.NAME`, and from there to an endpoint.
fn answering(name: &str, path: &str, endpoint: &Endpoint) -> Config {
    let topic = format!("replies.{name}");
    let replies = Config::subscription(&format!("replies-{name}"), &topic);
    let reply_to = format!("reply_to = {{ topic = {topic:?} }}");
    subscription(name, path, "", &reply_to) + replies.to(&endpoint.url("/replies"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_request_is_that_of_a_webhook() {
    for handler in HANDLERS {
        request_of_a_webhook(handler).await;
    }
}

async fn request_of_a_webhook(handler: &str) {
    let endpoint = Endpoint::accepting().await;
    let to = ", authority = \"shop.example\", headers = { x-fixed = \"yes\" }, method = \"PUT\"";
    let replies = "reply_to = { topic = \"replies\" }";
    let config = subscription_of(handler, "echo", "/echo?a=b", to, replies) + out(&endpoint);
    let bridge = Bridge::start(&config).await;
    let headers = [("content-type", "text/plain"), ("x-Shop", "ü")];
    let id = bridge.accept("echo", &headers, "data").await;
    let received = endpoint.wait_for(1).await.remove(0);
    assert_eq!(received.id(), format!("{id}.echo.reply"));
    assert_eq!(received.header("content-type"), "text/plain");
    assert_eq!(received.header("status"), "200");
    assert_eq!(received.header("x-fixed"), "yes");
    assert_eq!(received.header("x-asked"), "http://shop.example");
    assert_eq!(received.body, "data");
    let ledger = bridge.ledger_when("echo", |it| it.delivered == 1).await;
    assert!(ledger.balances(), "{ledger:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_go_in_and_come_back() {
    for handler in HANDLERS {
        large_bodies(handler).await;
    }
}

async fn large_bodies(handler: &str) {
    let endpoint = Endpoint::accepting().await;
    let replies = "reply_to = { topic = \"replies\", max_size = \"32MiB\" }";
    let config = subscription_of(handler, "echo", "/echo", "", replies)
        + subscription_of(handler, "stream", "/stream?104857600", "", "")
        + out(&endpoint);
    let bridge = Bridge::start(&config).await;
    bridge.accept("stream", &[], "").await;
    let body: Vec<u8> = (0..20_u32 << 20).map(|n| (n % 251) as u8).collect();
    bridge.accept("echo", &[], body.clone()).await;
    let received = endpoint.wait_for(1).await.remove(0);
    assert!(received.body == body, "{} bytes", received.body.len());
    bridge.ledger_when("stream", |it| it.delivered == 1).await;
}

/// Returns a subscription that forwards the replies to the endpoint.
pub fn out(endpoint: &Endpoint) -> Config {
    Config::subscription("out", "replies").to(&endpoint.url("/"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_runs_in_front_of_a_handler() {
    let endpoint = Endpoint::accepting().await;
    let chain = format!("chain = [{:?}, {:?}]", guest("filter"), guest("enrich"));
    let replies = "reply_to = { topic = \"replies\" }\nsettings = { minimum = \"100\" }";
    let lines = format!("{chain}\n{replies}");
    let config = subscription("orders.batch", "/echo", "", &lines) + out(&endpoint);
    let bridge = Bridge::start(&config).await;
    let json = [("content-type", "application/json")];
    let batch = r#"{"items": [{"id": 3}, {"id": 4}]}"#;
    let id = bridge.accept("orders.batch", &json, batch).await;
    let received = endpoint.wait_for(2).await;
    let mut ids: Vec<_> = received.iter().map(|one| one.id()).collect();
    ids.sort();
    let name = "orders.batch";
    let wanted = [1, 2].map(|n| format!("{id}.{name}.{n}.{name}.reply"));
    assert_eq!(ids, wanted);
    assert!(received[0].body.starts_with(b"{\"id\":"), "{received:?}");
}

/// A request to a handler of wasi:http 0.2 does not see the state of earlier requests.
#[tokio::test(flavor = "multi_thread")]
async fn each_request_has_a_new_instance_by_default() {
    for (handler, to, expected) in [
        ("responder", "", "1"),
        ("responder", ", reuse = true", "2"),
        ("service", "", "2"),
        ("service", ", reuse = false", "1"),
    ] {
        let config = subscription_of(handler, "calls", "/calls", to, "");
        let bridge = Bridge::start(&config).await;
        let first = bridge.accept("calls", &[], "").await;
        bridge.dead_letter(&first).await;
        let second = bridge.accept("calls", &[], "").await;
        let letter = bridge.dead_letter(&second).await;
        assert_eq!(letter.status, Some(410));
        let ends = letter.reason.ends_with(expected);
        assert!(ends, "{handler}{to}: {}", letter.reason);
        let shown = bridge.command(&["check", "bridge.toml"]);
        let instances = match expected {
            "1" => "in process; a new instance for each request",
            _ => "in process; instances are reused",
        };
        assert!(shown.contains(instances), "{shown}");
    }
}

/// A `fetch` listener built with componentize-js answers only the first request of an instance.
#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_can_answer_only_once_gets_a_new_instance() {
    for (to, refused) in [("", 0), (", reuse = true", 1)] {
        let config = subscription_of("orders-javascript", "orders", "/orders", to, "");
        let bridge = Bridge::start(&config).await;
        for n in 1..=5 {
            let order = r#"{"id": 1, "amount": 250}"#;
            bridge.accept("orders", &[], order).await;
            bridge.ledger_when("orders", |it| it.delivered == n).await;
        }
        let log = bridge.log();
        let count = |text| log.iter().filter(|line| line.contains(text)).count();
        assert_eq!(count("remove `to.reuse`"), refused, "{log:#?}");
        let again = count("before it set a response");
        assert_eq!(again > 0, refused > 0, "{log:#?}");
    }
}

/// A trap or taken memory in one request does not affect other requests.
#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_have_an_instance_each() {
    let lines = "max_in_flight = 200";
    let config = subscription_of("responder", "slow", "/slow", "", lines);
    let bridge = Bridge::start(&config).await;
    let lines = "{\"topic\":\"slow\",\"data\":\"x\"}\n".repeat(1000);
    let answer = crate::harness::request(bridge.intake, "POST", "/batch", &[], lines).await;
    assert_eq!(answer.expect("an answer").status, 200);
    let ledger = bridge.ledger_when("slow", |it| it.pending == 0).await;
    assert_eq!(ledger.delivered, 1000, "{ledger:?}");
}
