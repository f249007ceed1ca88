//! Consumers and streams of other programs, with their own limits, and changes to them while the
//! bridge runs.

use std::time::Duration;

use async_nats::jetstream::{self, consumer, stream};

use super::Server;
use super::hosts::{arrived, bridge};
use super::jetstream::JetStreamServer;
use super::streams::client;
use crate::harness::{Bridge, Endpoint, Reply, until};

const FOREIGN: &str = "consumer = { durable = \"theirs\", create = false }\n";

/// A server whose config has no subscription keys, because each test sets `consumer`.
struct Plain(JetStreamServer);

#[async_trait::async_trait]
impl Server for Plain {
    async fn start() -> Self {
        Self(JetStreamServer::start().await)
    }

    async fn connect(&self) -> std::sync::Arc<dyn bridge_host::broker::Broker> {
        self.0.connect().await
    }

    fn config(&self) -> String {
        self.0.config()
    }
}

/// Creates a stream and a consumer as another program would.
async fn theirs(server: &Plain, config: consumer::pull::Config) -> jetstream::Context {
    let context = client(&server.0.0).await;
    let stream = context.create_stream(stream::Config {
        name: "THEIRS".into(),
        subjects: vec!["orders.>".into()],
        ..stream::Config::default()
    });
    let stream = stream.await.expect("a stream");
    let consumer = stream.create_consumer(consumer::pull::Config {
        durable_name: Some("theirs".into()),
        ack_wait: config.ack_wait.max(Duration::from_secs(2)),
        ..config
    });
    consumer.await.expect("a consumer");
    context
}

async fn logged(bridge: &Bridge, text: &str) -> String {
    until(text, async || {
        bridge.log().into_iter().find(|line| line.contains(text))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_respect_the_limits_of_the_consumer() {
    let server = Plain::start().await;
    let limits = consumer::pull::Config {
        max_batch: 2,
        max_expires: Duration::from_secs(1),
        max_bytes: 100,
        ..Default::default()
    };
    theirs(&server, limits).await;
    let endpoint = Endpoint::accepting().await;
    let bridge = bridge(&server, &endpoint, FOREIGN).await;
    for _ in 0..10 {
        bridge.accept("orders.new", &[], "x".repeat(200)).await;
    }
    endpoint.wait_for(10).await;
    let log = bridge.log().join("\n");
    assert!(!log.contains("no messages"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_delivery_of_a_consumer_is_reserved() {
    let server = Plain::start().await;
    let few = consumer::pull::Config {
        max_deliver: 3,
        // No message comes again before it is given back.
        ack_wait: Duration::from_secs(120),
        ..Default::default()
    };
    let context = theirs(&server, few).await;
    let endpoint = Endpoint::start(|_, _| Reply::status(503)).await;
    // A message that was lost twice before.
    let sent = context.publish("orders.lost", "lost".into()).await;
    sent.expect("sent").await.expect("kept");
    let consumer =
        context.get_consumer_from_stream::<consumer::pull::Config, _, _>("theirs", "THEIRS");
    let consumer = consumer.await.expect("a consumer");
    for _ in 0..2 {
        use futures_util::StreamExt;
        let mut batch = consumer
            .batch()
            .max_messages(1)
            .expires(Duration::from_secs(60))
            .messages()
            .await
            .expect("a batch");
        let message = batch.next().await.expect("one").expect("a message");
        let nak = message.ack_with(jetstream::AckKind::Nak(None)).await;
        nak.expect("given back");
    }
    let quick = "retry = { initial_delay = \"1ms\", max_delay = \"1ms\" }\n";
    let bridge = bridge(&server, &endpoint, &format!("{FOREIGN}{quick}")).await;
    let id = bridge.accept("orders.new", &[], "x").await;
    let letter = bridge.dead_letter(&id).await;
    assert_eq!((letter.attempts, letter.status), (2, Some(503)));
    assert!(
        letter.reason.contains("max_deliver = 3"),
        "{}",
        letter.reason
    );
    let letters = until("both", async || {
        let letters = bridge.dead_letters();
        (letters.len() == 2).then_some(letters)
    })
    .await;
    let lost = letters.iter().find(|it| it.topic == "orders.lost");
    let reason = &lost.expect("a letter").reason;
    assert!(reason.contains("its max_deliver is 3"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_consumer_is_logged_and_used() {
    let server = JetStreamServer::start().await;
    let endpoint = Endpoint::accepting().await;
    let bridge = bridge(&server, &endpoint, "").await;
    let context = client(&server.0).await;
    let stream = context.get_stream("events").await.expect("a stream");
    let found = stream.consumer_info("orders").await.expect("a consumer");
    let mut config: consumer::pull::Config =
        consumer::FromConsumer::try_from_consumer_config(found.config).expect("a pull consumer");
    config.ack_wait = Duration::from_secs(9);
    stream.update_consumer(config).await.expect("it is changed");
    logged(&bridge, "ack_wait was 2s and is 9s").await;
    bridge.accept("orders.new", &[], "x").await;
    endpoint.wait_for(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_consumer_continues_at_its_position() {
    let server = JetStreamServer::start().await;
    let endpoint = Endpoint::accepting().await;
    let bridge = bridge(&server, &endpoint, "").await;
    for _ in 0..5 {
        bridge.accept("orders.new", &[], "x").await;
    }
    bridge
        .ledger_when("orders", |ledger| ledger.delivered == 5)
        .await;
    let context = client(&server.0).await;
    let stream = context.get_stream("events").await.expect("a stream");
    stream
        .delete_consumer("orders")
        .await
        .expect("it is deleted");
    let last = bridge.accept("orders.new", &[], "x").await;
    logged(&bridge, "the consumer was deleted").await;
    let received = endpoint.wait_for(6).await;
    assert_eq!(received[5].id(), last);
    assert_eq!(arrived(&endpoint).1, 0, "none came twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_stream_is_logged_with_the_number_of_lost_messages() {
    let server = JetStreamServer::start().await;
    let endpoint =
        Endpoint::start(|_, before| Reply::status(if before < 3 { 503 } else { 204 })).await;
    let late = "retry = { initial_delay = \"1h\", max_delay = \"1h\" }\n";
    let bridge = bridge(&server, &endpoint, late).await;
    for _ in 0..3 {
        let raw = "NATS/1.0\r\n\r\n";
        server.0.publish_raw("orders.new", raw, "x").await;
    }
    let before = endpoint.wait_for(3).await;
    // The bridge checks the stream every 30 s.
    tokio::time::sleep(Duration::from_secs(32)).await;
    let context = client(&server.0).await;
    context
        .delete_stream("events")
        .await
        .expect("it is deleted");
    let line = logged(&bridge, "the stream was deleted").await;
    assert!(line.contains("\"pending\":3"), "{line}");
    until("the stream", async || {
        context.get_stream("events").await.ok()
    })
    .await;
    let raw = "NATS/1.0\r\n\r\n";
    server.0.publish_raw("orders.new", raw, "x").await;
    let after = endpoint.wait_for(4).await;
    // The message is also the first of its stream, but has another id.
    let is_new = before.iter().all(|one| one.id() != after[3].id());
    assert!(is_new, "{}", after[3].id());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nearly_full_stream_is_logged() {
    let server = JetStreamServer::start().await;
    let context = client(&server.0).await;
    let stream = context.create_stream(stream::Config {
        name: "THEIRS".into(),
        subjects: vec!["orders.>".into()],
        max_messages: 10,
        ..stream::Config::default()
    });
    stream.await.expect("a stream");
    for _ in 0..8 {
        server
            .0
            .publish_raw("orders.new", "NATS/1.0\r\n\r\n", "x")
            .await;
    }
    let endpoint = Endpoint::accepting().await;
    let bridge = bridge(&server, &endpoint, "").await;
    let line = logged(&bridge, "nearly full").await;
    assert!(line.contains("8 of at most 10 messages"), "{line}");
}
