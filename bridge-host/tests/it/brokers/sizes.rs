//! Messages just above the size limit of a NATS server, headers included.

use super::core::CoreNats;
use super::hosts::bridge;
use super::jetstream::JetStreamServer;
use crate::harness::{Bridge, Endpoint, NatsServer, Reply};

const SMALL: &str = "max_payload: 2048\n";

async fn is_refused(bridge: &Bridge) {
    let value = "v".repeat(500);
    let headers = [("x-a", value.as_str()), ("x-b", value.as_str())];
    let answer = bridge
        .publish("orders.new", &headers, "d".repeat(1500))
        .await;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    assert_eq!(answer.status, 413, "{text}");
    assert!(text.contains("at most 2048 bytes"), "{text}");
    assert!(text.contains("max_payload"), "{text}");
    let size = text
        .split("this one has ")
        .nth(1)
        .and_then(|it| it.split(':').next());
    let size: u64 = size.and_then(|it| it.parse().ok()).expect("a number");
    assert!((2500..2700).contains(&size), "{text}");
    // The connection still works.
    bridge.accept("orders.new", &[], "d".repeat(1500)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_above_the_limit_are_refused_with_their_size() {
    let endpoint = Endpoint::accepting().await;
    let server = JetStreamServer(NatsServer::start_with(SMALL).await);
    is_refused(&bridge(&server, &endpoint, "").await).await;
    let server = CoreNats(NatsServer::start_with(SMALL).await);
    is_refused(&bridge(&server, &endpoint, "").await).await;
}

/// A dead letter is larger than its message.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_that_is_too_large_is_kept_locally() {
    let server = JetStreamServer(NatsServer::start_with(SMALL).await);
    let endpoint = Endpoint::start(|_, _| Reply::status(400)).await;
    let letters = "dead_letters = { connection = \"events\", topic = \"dead.orders\" }\n";
    let bridge = bridge(&server, &endpoint, letters).await;
    let id = bridge.accept("orders.new", &[], "d".repeat(1900)).await;
    assert_eq!(bridge.dead_letter(&id).await.status, Some(400));
    let pending = bridge
        .ledger_when("orders", |ledger| ledger.pending == 0)
        .await;
    assert!(pending.balances(), "{pending:?}");
}
