//! Redis Streams: entries that are not messages, entries on other topics, and entries that were removed
//! before a host fetched them.

use std::time::{Duration, Instant};

use bridge_host::broker::SubscribeSpec;
use redis::Value;

use super::Server;
use super::hosts::bridge;
use super::redis::RedisStreams;
use super::support::{GROUP, ack, next, publish, spec, subscribe, text, within};
use crate::harness::{Endpoint, PATIENCE, until};

/// Adds an entry without the bridge.
async fn add(server: &RedisStreams, fields: &[&str]) {
    let command = [&["XADD", "bridge", "*"], fields].concat();
    server.0.run(&command).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_is_not_a_message_becomes_a_dead_letter_with_its_fields() {
    let server = RedisStreams::start().await;
    let endpoint = Endpoint::accepting().await;
    let bridge = bridge(&server, &endpoint, "").await;
    add(
        &server,
        &["topic", "orders..new", "id", "bad-1", "data", "x"],
    )
    .await;
    let mut many = vec!["topic", "orders.new", "id", "bad-2", "data", "x"];
    many.extend(["tag", "1"].repeat(2_001));
    add(&server, &many).await;
    add(&server, &["topic", "orders.new", "id", "good", "data", "x"]).await;
    let received = endpoint.wait_for(1).await;
    assert_eq!(received[0].id(), "good");
    for (id, reason, field) in [
        ("bad-1", "`topic` is invalid", "orders..new"),
        ("bad-2", "too many fields", "\"tag\" \"1\""),
    ] {
        let letter = bridge.dead_letter(id).await;
        assert!(letter.reason.contains(reason), "{}", letter.reason);
        let shown = bridge.command(&["dead-letters", "show", &letter.letter.to_string()]);
        assert!(shown.contains("redis-fields"), "{shown}");
        assert!(shown.replace('\\', "").contains(field), "{shown}");
    }
    let ledger = |it: &crate::harness::Ledger| (it.delivered, it.dead_lettered, it.pending);
    bridge
        .ledger_when("orders", |it| ledger(it) == (1, 2, 0))
        .await;
    assert_eq!(endpoint.received().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_were_trimmed_before_they_were_fetched_are_counted() {
    let server = RedisStreams::start().await;
    let endpoint = Endpoint::accepting().await;
    let first = bridge(&server, &endpoint, "").await;
    first.accept("orders.new", &[], "x").await;
    endpoint.wait_for(1).await;
    first
        .ledger_when("orders", |it| (it.delivered, it.pending) == (1, 0))
        .await;
    drop(first);
    for _ in 0..5 {
        add(&server, &["topic", "orders.new", "data", "x"]).await;
    }
    server.0.run(&["XTRIM", "bridge", "MAXLEN", "2"]).await;
    let second = bridge(&server, &endpoint, "").await;
    endpoint.wait_for(3).await;
    let log = second.log().join("\n");
    assert!(
        log.contains("removed from the stream before they were fetched"),
        "{log}"
    );
    assert!(log.contains("\"messages\":3"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_were_trimmed_are_not_pending() {
    let server = RedisStreams::start().await;
    let broker = server.connect().await;
    let one = SubscribeSpec {
        in_flight: 1,
        ..spec(&["t"])
    };
    let mut subscription = broker.subscribe(one).await.expect("a subscription");
    publish(&broker, "t", "held").await;
    let held = next(&mut subscription).await;
    for n in 0..10 {
        publish(&broker, "t", &n.to_string()).await;
    }
    assert_eq!(broker.pending(GROUP).await, Some(11));
    server.0.run(&["XTRIM", "bridge", "MAXLEN", "3"]).await;
    assert_eq!(broker.pending(GROUP).await, Some(4));
    ack(held).await;
    for n in 7..10 {
        assert_eq!(ack(next(&mut subscription).await).await, n.to_string());
    }
    assert_eq!(broker.pending(GROUP).await, Some(0));
}

/// The leases of another host's entries do not hide an abandoned entry behind them.
#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_message_behind_many_leased_ones_is_claimed() {
    const LEASED: usize = 200;
    let server = RedisStreams::start().await;
    let broker = server.connect().await;
    for _ in 0..LEASED {
        publish(&broker, "t", "leased").await;
    }
    publish(&broker, "t", "abandoned").await;
    server
        .0
        .run(&["XGROUP", "CREATE", "bridge", GROUP, "0"])
        .await;
    let count = LEASED.to_string();
    let read = |consumer, count| {
        [
            "XREADGROUP",
            "GROUP",
            GROUP,
            consumer,
            "COUNT",
            count,
            "STREAMS",
            "bridge",
            ">",
        ]
    };
    let leased = server.0.run(&read("busy", &count)).await;
    server.0.run(&read("ghost", "1")).await;
    let ids = ids(&leased);
    assert_eq!(ids.len(), LEASED);
    let mut extend = vec!["XCLAIM", "bridge", GROUP, "busy", "0"];
    extend.extend(ids.iter().map(String::as_str));
    extend.push("JUSTID");
    let mut subscription = subscribe(&broker, &["t"]).await;
    let began = Instant::now();
    let incoming = loop {
        assert!(
            began.elapsed() < PATIENCE,
            "the abandoned message is not claimed"
        );
        server.0.run(&extend).await;
        if let Some(incoming) = within(&mut subscription, Duration::from_millis(300)).await {
            break incoming;
        }
    };
    assert_eq!(text(&incoming), "abandoned");
    ack(incoming).await;
}

/// The ids of the entries in a reply of XREADGROUP for one stream.
fn ids(reply: &Value) -> Vec<String> {
    let items = |value: &Value| match value {
        Value::Array(items) => items.clone(),
        other => panic!("a list: {other:?}"),
    };
    let entries = items(&items(&items(reply)[0])[1]);
    let id = |entry: &Value| match &items(entry)[0] {
        Value::BulkString(id) => String::from_utf8_lossy(id).into_owned(),
        other => panic!("an id: {other:?}"),
    };
    entries.iter().map(id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn in_order_an_entry_on_another_topic_costs_no_pause() {
    const OTHERS: usize = 100;
    let server = RedisStreams::start().await;
    let broker = server.connect().await;
    for _ in 0..OTHERS {
        publish(&broker, "other", "x").await;
    }
    publish(&broker, "t", "ours").await;
    let ordered = SubscribeSpec {
        ordered: true,
        in_flight: 1,
        ..spec(&["t"])
    };
    let began = Instant::now();
    let mut subscription = broker.subscribe(ordered).await.expect("a subscription");
    assert_eq!(ack(next(&mut subscription).await).await, "ours");
    // With a pause of 100 ms for each entry, this takes 10 s.
    let took = began.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
}

/// The log says why a connection was lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_logged_with_its_cause() {
    let mut server = RedisStreams::start().await;
    let endpoint = Endpoint::accepting().await;
    let bridge = bridge(&server, &endpoint, "").await;
    server.0.kill();
    until("the warning", async || {
        let log = bridge.log().join("\n");
        let lost = log
            .lines()
            .find(|line| line.contains("is lost"))?
            .to_owned();
        assert!(lost.contains("is lost ("), "{lost}");
        Some(())
    })
    .await;
}
