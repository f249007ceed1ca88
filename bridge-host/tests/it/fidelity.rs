//! An endpoint gets what a publisher sends: headers, events, JSON. A dead letter
//! is the original message.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::harness::{Bridge, Config, Endpoint, Received, Reply, binary};

/// Starts a bridge with these settings for its endpoint, and the endpoint.
async fn bridge(to: &str, status: u16) -> (Bridge, Endpoint) {
    let endpoint = Endpoint::start(move |_, _| Reply::status(status)).await;
    let to = format!("to = {{ url = {:?}{to} }}", endpoint.url("/"));
    let config = Config::subscription("all", ">").lines(&to);
    (Bridge::start(&config).await, endpoint)
}

/// Runs `bridge-host publish` with this input.
fn publish(bridge: &Bridge, arguments: &[&str], input: &str) {
    let mut child = Command::new(binary())
        .arg("publish")
        .args(arguments)
        .args(["--to", &format!("http://{}", bridge.intake)])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the tool runs");
    let mut stdin = child.stdin.take().expect("stdin");
    // A command that reads no input may have closed it.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    assert!(child.wait().expect("a status").success());
}

async fn only(endpoint: &Endpoint) -> Received {
    endpoint.wait_for(1).await.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binary_event_is_sent_as_a_binary_event() {
    let headers = [
        ("ce-specversion", "1.0"),
        ("ce-id", "7"),
        ("ce-subject", "K%C3%B6ln%20%22a%22"),
        ("baggage", "a=1"),
        ("baggage", "b=2"),
        ("x-forwarded-host", "proxy.example"),
        ("order_id", "12"),
    ];
    for (to, order) in [
        ("", "order_id"),
        (", header_names = \"portable\"", "message-metadata"),
    ] {
        let (bridge, endpoint) = bridge(to, 204).await;
        bridge.accept("orders.new", &headers, "x").await;
        let received = only(&endpoint).await;
        assert_eq!(received.header("ce-specversion"), "1.0");
        assert_eq!(received.header("ce-subject"), "K%C3%B6ln%20%22a%22");
        assert_eq!(received.header("baggage"), "a=1, b=2");
        assert_eq!(received.header("x-forwarded-host"), "");
        assert!(
            received.header(order).contains("12"),
            "{:?}",
            received.headers
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn json_that_is_published_is_json_in_the_envelope() {
    let (bridge, endpoint) = bridge(", envelope = \"json\"", 204).await;
    publish(&bridge, &["orders.new", "{\"amount\": 250}"], "");
    let body = only(&endpoint).await.body;
    let text = String::from_utf8_lossy(&body);
    assert!(text.ends_with("\"data\":{\"amount\": 250}}"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_published_again_byte_for_byte() {
    let (bridge, endpoint) = bridge("", 400).await;
    let cases = [
        ("application/json", "{\"n\":  1.0}"),
        ("application/json", "{\"n\":\n1.0}\n"),
        ("text/plain", "null"),
        ("image/png", "\u{0}x"),
    ];
    for (n, (kind, data)) in cases.into_iter().enumerate() {
        let headers = [
            ("content-type", kind),
            ("x-tenant", "Köln"),
            ("order_id", "7"),
        ];
        let id = bridge.accept("orders.new", &headers, data).await;
        let letter = bridge.dead_letter(&id).await.letter.to_string();
        let line = bridge.command(&["dead-letters", "show", &letter, "--json"]);
        assert_eq!(line.lines().count(), 1, "{line}");
        let (other, again) = self::bridge("", 204).await;
        publish(&other, &["--ndjson", "-"], &line);
        let sent = endpoint.wait_for(n + 1).await.remove(n);
        let again = only(&again).await;
        let message = |one: &Received| {
            let names = [
                "webhook-id",
                "message-topic",
                "content-type",
                "x-tenant*",
                "order_id",
            ];
            (
                names.map(|name| one.header(name).to_owned()),
                one.body.clone(),
            )
        };
        assert_eq!(message(&again), message(&sent), "{line}");
    }
}
