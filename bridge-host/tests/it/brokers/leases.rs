//! JetStream's leases: extended while a message waits in the process, and unused once they have
//! expired. Also messages of other clients that look like server messages.

use std::sync::Arc;
use std::time::Duration;

use bridge_host::broker::nats::Consumer;
use bridge_host::broker::{Broker, Subscription};

use super::Server;
use super::hosts::{accept, arrived, bridge};
use super::jetstream::{JetStreamServer, settings};
use super::support::{GROUP, LEASE, ack, next, open, publish, subscribe, text, within};
use crate::harness::{Endpoint, Reply};

/// A server, a connection to it, and a member of a group.
async fn start() -> (JetStreamServer, Arc<dyn Broker>, Box<dyn Subscription>) {
    start_leasing(LEASE).await
}

/// Starts them with this lease (`ack_wait`).
async fn start_leasing(
    lease: Duration,
) -> (JetStreamServer, Arc<dyn Broker>, Box<dyn Subscription>) {
    let server = JetStreamServer::start().await;
    let mut settings = settings(server.0.url());
    settings.consumers.insert(
        GROUP.into(),
        Consumer {
            ack_wait: lease,
            ..Consumer::default()
        },
    );
    let broker = open(settings).await;
    let subscription = subscribe(&broker, &["t"]).await;
    (server, broker, subscription)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_leases_of_waiting_messages_are_extended() {
    let (_server, broker, mut subscription) = start().await;
    for n in 0..5 {
        publish(&broker, "t", &format!("{n}")).await;
    }
    // The messages are fetched, but no attempt takes them.
    assert_eq!(text(&next(&mut subscription).await), "0");
    tokio::time::sleep(2 * LEASE + LEASE / 2).await;
    for _ in 0..5 {
        let incoming = next(&mut subscription).await;
        let first = text(&incoming) != "0";
        assert_eq!(incoming.attempt, if first { 1 } else { 2 });
        ack(incoming).await;
    }
    assert!(within(&mut subscription, LEASE).await.is_none());
}

/// While the rate limit holds messages back, no attempt is made or counted.
#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limit_uses_no_attempts() {
    let server = JetStreamServer::start().await;
    let endpoint = Endpoint::start(|_, before| {
        // The last message fails twice, and has an attempt left.
        Reply::status(if (7..9).contains(&before) { 500 } else { 204 })
    })
    .await;
    let more = "rate_limit = { rate = \"1/s\", burst = 1 }\n\
         retry = { max_attempts = 3, initial_delay = \"1ms\", max_delay = \"1ms\" }";
    let bridge = bridge(&server, &endpoint, more).await;
    let accepted = accept(&bridge, 8).await;
    let ledger = bridge
        .ledger_when("orders", |ledger| {
            ledger.delivered + ledger.dead_lettered == 8
        })
        .await;
    assert_eq!(ledger.dead_lettered, 0, "{ledger:?}");
    assert_eq!(arrived(&endpoint), (accepted, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_receipt_gives_no_message_back() {
    // Long enough for a busy machine.
    let lease = 3 * LEASE;
    let (_server, broker, mut subscription) = start_leasing(lease).await;
    publish(&broker, "t", "x").await;
    let first = next(&mut subscription).await;
    let mut second = next(&mut subscription).await;
    assert_eq!((first.attempt, second.attempt), (1, 2));
    drop(first);
    assert!(within(&mut subscription, lease / 2).await.is_none());
    // After this long, the message is still leased to this host.
    second.receipt.extend(lease).await.expect("it is extended");
    assert!(within(&mut subscription, lease * 3 / 4).await.is_none());
    drop(second);
    let third = within(&mut subscription, lease / 2).await;
    assert_eq!(third.expect("it is given back").attempt, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_receipt_replaces_an_older_one() {
    let (_server, broker, mut subscription) = start().await;
    publish(&broker, "t", "x").await;
    let only = next(&mut subscription).await;
    only.receipt.superseded();
    assert!(within(&mut subscription, LEASE / 2).await.is_none());
    assert_eq!(next(&mut subscription).await.attempt, 2);
}

/// A publisher can set a status line.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_with_a_status_line_is_delivered() {
    let (server, broker, mut subscription) = start().await;
    for status in ["100", "409", "503 boo"] {
        let raw = format!("NATS/1.0 {status}\r\nx: y\r\n\r\n");
        server.0.publish_raw("t", &raw, status).await;
        assert_eq!(ack(next(&mut subscription).await).await, status);
        assert_eq!(broker.trouble(), None);
    }
}
