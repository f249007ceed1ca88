//! Asynchronous compositions: an instance handles many messages at a time, each with its own
//! record, time limit and outcome.

mod elsewhere;
pub mod files;
mod handlers;
mod neighbours;

use std::time::{Duration, Instant};

use crate::harness::{Bridge, Config, Endpoint, Received, Reply, guest};

/// Returns a config whose asynchronous filter drops small orders. All others go to this endpoint,
/// through the asynchronous adapter.
fn filtered(endpoint: &Endpoint, lines: &str) -> Config {
    Config::subscription("orders", ">")
        .chain(&[guest("async-filter")])
        .to(&endpoint.url("/orders"))
        .attempts(2)
        .lines("settings = { minimum = \"100\" }")
        .lines(lines)
}

fn order(amount: u32) -> String {
    format!("{{\"amount\":{amount}}}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_is_composed_with_the_asynchronous_adapter() {
    let endpoint = Endpoint::accepting().await;
    let bridge = Bridge::start(&filtered(&endpoint, "")).await;
    let headers = [("content-type", "application/json"), ("x-kept", "yes")];
    let id = bridge.accept("orders.new", &headers, order(250)).await;
    bridge.accept("orders.new", &headers, order(5)).await;
    let ledger = bridge
        .ledger_when("orders", |it| it.pending == 0 && it.accepted == 2)
        .await;
    assert_eq!((ledger.delivered, ledger.filtered), (1, 1));
    let received = endpoint.received().remove(0);
    assert_eq!(
        (received.method.as_str(), received.path.as_str()),
        ("POST", "/orders")
    );
    assert_eq!(received.id(), id);
    assert_eq!(received.header("content-type"), "application/json");
    assert_eq!(received.header("x-kept"), "yes");
    assert_eq!(received.body, order(250));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_messages_are_in_flight_in_one_instance() {
    let slow = |_: &Received, _| Reply::status(204).after(Duration::from_millis(500));
    let endpoint = Endpoint::start(slow).await;
    let lines = "max_in_flight = 1000\nlimits = { memory = \"256MiB\" }";
    let bridge = Bridge::start(&filtered(&endpoint, lines)).await;
    let began = Instant::now();
    for _ in 0..1000 {
        bridge.accept("orders.new", &[], order(500)).await;
    }
    bridge
        .ledger_when("orders", |it| it.delivered == 1000)
        .await;
    // One after the other, the messages would take 500 s.
    assert!(
        began.elapsed() < Duration::from_secs(50),
        "{:?}",
        began.elapsed()
    );
    let starts = bridge.log();
    let starts = starts.iter().filter(|line| line.contains("a new instance"));
    assert_eq!(starts.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_message_in_an_instance_has_its_own_outcome() {
    let judge = |request: &Received, _| match request.header("x-wants") {
        "gone" => Reply::status(410).after(Duration::from_millis(20)),
        "busy" => Reply::status(503).after(Duration::from_millis(10)),
        _ => Reply::status(204).after(Duration::from_millis(30)),
    };
    let endpoint = Endpoint::start(judge).await;
    let bridge = Bridge::start(&filtered(&endpoint, "")).await;
    let mut expected = Vec::new();
    for n in 0..90 {
        let (wants, status) = [("", None), ("gone", Some(410)), ("busy", Some(503))][n % 3];
        let id = bridge
            .accept("orders", &[("x-wants", wants)], order(500))
            .await;
        expected.extend(status.map(|status| (id, status)));
    }
    let ledger = bridge.ledger_when("orders", |it| it.pending == 0).await;
    assert_eq!((ledger.delivered, ledger.dead_lettered), (30, 60));
    let letters = bridge.dead_letters();
    for (id, status) in expected {
        let letter = letters.iter().find(|letter| letter.id == id);
        let letter = letter.expect("a dead letter");
        let attempts = if status == 503 { 2 } else { 1 };
        assert_eq!(
            (letter.status, letter.attempts),
            (Some(status), attempts),
            "{letter:?}"
        );
        assert!(letter.reason.contains(&status.to_string()), "{letter:?}");
    }
}
