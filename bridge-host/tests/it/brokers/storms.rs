//! A slow subscription to core NATS: the number of dropped messages is logged once.

use super::Server;
use super::core::CoreNats;
use super::hosts::{arrived, bridge};
use crate::harness::{Endpoint, until};

const SENT: usize = 40_000;

#[tokio::test(flavor = "multi_thread")]
async fn dropped_messages_are_counted() {
    let server = CoreNats::start().await;
    let endpoint = Endpoint::accepting().await;
    let bridge = bridge(&server, &endpoint, "max_in_flight = 2").await;
    let client = async_nats::connect(server.0.url())
        .await
        .expect("a connection");
    for n in 0..SENT {
        let sent = client.publish("orders.new", format!("{n}").into()).await;
        sent.expect("sent");
    }
    client.flush().await.expect("sent");
    let line = until("the number", async || {
        let dropped = |line: &String| line.contains("messages were dropped");
        bridge.log().into_iter().find(dropped)
    })
    .await;
    let line: serde_json::Value = serde_json::from_str(&line).expect("a line of the log");
    let dropped = line["messages"].as_u64().expect("a number") as usize;
    let (ids, _) = arrived(&endpoint);
    assert!(dropped > 0, "{line}");
    // One or two messages may be in transit.
    let all = ids.len() + dropped;
    assert!(
        (SENT - 4..=SENT + 4).contains(&all),
        "{} and {dropped}",
        ids.len()
    );
    let begins = bridge
        .log()
        .iter()
        .filter(|line| line.contains("slow consumer: messages arrive faster"))
        .count();
    assert!(begins <= 3, "{begins} lines");
}
