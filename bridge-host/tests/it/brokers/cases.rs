//! The contract of the `Broker` trait and its companions.

use std::time::{Duration, Instant};

use bridge_host::broker::{BrokerError, Settlement, Start, SubscribeSpec};
use bridge_host::message::{Message, MessageId};

use super::support::{
    LEASE, ack, next, publish, publish_somehow, settle, spec, subscribe, text, texts, within,
};
use super::{Remote, Server};

/// How long a test waits to see that no message comes.
const QUIET: Duration = Duration::from_millis(300);

pub async fn publish_and_receive<S: Server>() {
    let server = S::start().await;
    let broker = server.connect().await;
    let mut subscription = subscribe(&broker, &["orders.>"]).await;
    let id = publish(&broker, "orders.new", "hello").await;
    let incoming = next(&mut subscription).await;
    assert_eq!((incoming.id.clone(), incoming.attempt), (id, 1));
    assert_eq!(incoming.message.topic, "orders.new");
    let age = incoming.published.elapsed().unwrap_or_default();
    assert!(age < Duration::from_secs(30), "{age:?}");
    assert_eq!(ack(incoming).await, "hello");
    assert_eq!(broker.trouble(), None);
}

pub async fn wildcards<S: Server>() {
    let server = S::start().await;
    let broker = server.connect().await;
    let topics = ["a.*", "b.>", "c.exact", "b.x"];
    let mut subscription = subscribe(&broker, &topics).await;
    let mut other = broker
        .subscribe(SubscribeSpec {
            start: Start::All,
            name: "other".into(),
            ..spec(&["a.>", "b.>", "c.>"])
        })
        .await
        .expect("a subscription");
    for topic in ["a.1", "a.1.2", "b.1", "b.1.2", "b.x", "c.exact", "c.other"] {
        publish(&broker, topic, topic).await;
    }
    let found = texts(&mut subscription, 5).await;
    assert_eq!(found, ["a.1", "b.1", "b.1.2", "b.x", "c.exact"]);
    assert!(within(&mut subscription, QUIET).await.is_none());
    assert_eq!(texts(&mut other, 7).await.len(), 7);
}

pub async fn any_metadata_and_content_type<S: Server>() {
    let server = S::start().await;
    let broker = server.connect().await;
    let mut subscription = subscribe(&broker, &["t"]).await;
    let odd = [
        ("plain", "value"),
        (
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ),
        ("Ünïcode schlüssel", "日本語 🦀"),
        ("empty", ""),
        ("with:colon", "  padded  "),
        ("lines", "one\r\ntwo"),
        ("Nats-Rollup", "all"),
        ("Content-Type", "not this one"),
    ];
    for content_type in [None, Some("application/json"), Some("odd \"type\"; é=ü")] {
        let mut message = Message::new("t", vec![0, 159, 146, 150]);
        message.content_type = content_type.map(str::to_owned);
        for (key, value) in odd {
            message.add_metadata(key, value);
        }
        broker
            .publish(message.clone(), None)
            .await
            .expect("it is published");
        let incoming = next(&mut subscription).await;
        let mut arrived = Message::clone(&incoming.message);
        arrived.metadata.sort();
        message.metadata.sort();
        assert_eq!(arrived, message);
        settle(incoming.receipt, Settlement::Filtered).await;
    }
}

pub async fn ids_are_kept_and_made<S: Server>() {
    let server = S::start().await;
    let broker = server.connect().await;
    let mut subscription = subscribe(&broker, &["t"]).await;
    let given = MessageId::parse("order-7/a").expect("an id");
    let message = Message::new("t", "x");
    let published = broker.publish(message, Some(given.clone())).await;
    assert_eq!(published.expect("it is published").id, given);
    let made = publish(&broker, "t", "y").await;
    let incoming = next(&mut subscription).await;
    assert_eq!(incoming.id, given);
    settle(
        incoming.receipt,
        Settlement::Retry(Duration::from_millis(1)),
    )
    .await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let incoming = next(&mut subscription).await;
        ids.push(incoming.id.clone());
        ack(incoming).await;
    }
    assert!(ids.contains(&given) && ids.contains(&made), "{ids:?}");
}

pub async fn an_invalid_topic_is_refused<S: Server>() {
    let server = S::start().await;
    let broker = server.connect().await;
    for topic in ["", "a..b", "a.*", ">"] {
        let published = broker.publish(Message::new(topic, "x"), None).await;
        assert!(matches!(published, Err(BrokerError::Refused(_))), "{topic}");
    }
    // A broker that has no such topic returns an error, and drops no message.
    let spaced = broker.publish(Message::new("a b", "x"), None).await;
    if let Err(error) = spaced {
        assert!(matches!(error, BrokerError::Refused(_)), "{error}");
        assert!(error.to_string().contains("a b"), "{error}");
    }
}

pub async fn an_acknowledged_message_does_not_come_again<S: Server>() {
    let server = S::start().await;
    let broker = server.connect().await;
    let mut subscription = subscribe(&broker, &["t"]).await;
    publish(&broker, "t", "x").await;
    ack(next(&mut subscription).await).await;
    let again = within(&mut subscription, LEASE + QUIET).await;
    assert!(again.is_none());
    drop(subscription);
    broker.close().await;
    drop(broker);
    let broker = server.connect().await;
    let mut subscription = subscribe(&broker, &["t"]).await;
    assert!(within(&mut subscription, QUIET).await.is_none());
}

pub async fn a_retry_comes_after_its_delay<S: Server>() {
    let server = S::start().await;
    let broker = server.connect().await;
    let mut subscription = subscribe(&broker, &["t"]).await;
    publish(&broker, "t", "x").await;
    let wait = Duration::from_millis(700);
    let incoming = next(&mut subscription).await;
    let began = Instant::now();
    settle(incoming.receipt, Settlement::Retry(wait)).await;
    // A waiting retry does not hold up another message.
    publish(&broker, "t", "y").await;
    assert_eq!(ack(next(&mut subscription).await).await, "y");
    let incoming = next(&mut subscription).await;
    let waited = began.elapsed();
    assert!(waited >= wait - Duration::from_millis(50), "{waited:?}");
    assert!(waited < wait + Duration::from_secs(5), "{waited:?}");
    assert_eq!((incoming.attempt, text(&incoming)), (2, "x".into()));
    settle(incoming.receipt, Settlement::Retry(Duration::ZERO)).await;
    let incoming = next(&mut subscription).await;
    assert_eq!(incoming.attempt, 3);
    ack(incoming).await;
}

pub async fn a_dropped_receipt_redelivers_the_message<S: Server>() {
    let server = S::start().await;
    let broker = server.connect().await;
    let mut subscription = subscribe(&broker, &["t"]).await;
    publish(&broker, "t", "x").await;
    drop(next(&mut subscription).await);
    assert_eq!(ack(next(&mut subscription).await).await, "x");
}

/// The process ends with one message in flight and one that waits for a retry.
pub async fn a_crash_leaves_unsettled_messages_for_redelivery<S: Server>() {
    let server = S::start().await;
    let broker = server.connect().await;
    let can = broker.capabilities();
    let mut subscription = subscribe(&broker, &["t"]).await;
    publish(&broker, "t", "a").await;
    publish(&broker, "t", "b").await;
    let (first, second) = (next(&mut subscription).await, next(&mut subscription).await);
    settle(first.receipt, Settlement::Retry(Duration::from_millis(10))).await;
    drop((second, subscription));
    broker.close().await;
    drop(broker);

    let broker = server.connect().await;
    let mut subscription = subscribe(&broker, &["t"]).await;
    if !can.at_least_once {
        assert!(within(&mut subscription, QUIET).await.is_none());
        return;
    }
    let (one, two) = (next(&mut subscription).await, next(&mut subscription).await);
    let attempts = [&one, &two].map(|incoming| (text(incoming), incoming.attempt));
    let retried = attempts.iter().find(|(text, _)| text == "a");
    assert!(
        retried.is_some_and(|(_, attempt)| *attempt >= 2),
        "{attempts:?}"
    );
    ack(one).await;
    ack(two).await;
}

pub async fn order_is_kept_where_the_broker_promises_it<S: Server>() {
    let server = S::start().await;
    let broker = server.connect().await;
    let mut subscription = broker
        .subscribe(SubscribeSpec {
            ordered: true,
            longest_wait: std::time::Duration::from_secs(3600),
            in_flight: 1,
            ..spec(&["t"])
        })
        .await
        .expect("a subscription");
    for n in 0..20 {
        publish(&broker, "t", &n.to_string()).await;
    }
    let mut found = Vec::new();
    while found.len() < 20 {
        let incoming = next(&mut subscription).await;
        if found.len() % 7 == 3 && incoming.attempt == 1 {
            let wait = Duration::from_millis(20);
            settle(incoming.receipt, Settlement::Retry(wait)).await;
            continue;
        }
        found.push(ack(incoming).await);
    }
    let expected: Vec<_> = (0..20).map(|n| n.to_string()).collect();
    // On one host, even brokers without order between hosts keep the order.
    assert_eq!(found, expected);
}

/// Messages for which a host has no slot stay at the broker, and another host receives them.
pub async fn a_host_fetches_only_for_free_slots<S: Remote>() {
    const MESSAGES: usize = 100;
    let server = S::start().await;
    let broker = server.connect().await;
    let mut slow = subscribe(&broker, &["t"]).await;
    for n in 0..MESSAGES {
        publish(&broker, "t", &format!("{n:03}")).await;
    }
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(next(&mut slow).await);
    }
    let other = server.connect().await;
    let mut free = subscribe(&other, &["t"]).await;
    let mut found = texts(&mut free, MESSAGES - 8).await;
    for incoming in held {
        found.push(ack(incoming).await);
    }
    found.sort();
    let expected: Vec<_> = (0..MESSAGES).map(|n| format!("{n:03}")).collect();
    assert_eq!(found, expected);
}

pub async fn a_lease_can_be_extended<S: Server>() {
    let server = S::start().await;
    let broker = server.connect().await;
    let mut subscription = subscribe(&broker, &["t"]).await;
    publish(&broker, "t", "x").await;
    let mut incoming = next(&mut subscription).await;
    let lease = incoming.receipt.capabilities().lease.unwrap_or(LEASE);
    let end = Instant::now() + lease * 2;
    while Instant::now() < end {
        incoming
            .receipt
            .extend(lease)
            .await
            .expect("it is extended");
        assert!(within(&mut subscription, lease / 3).await.is_none());
    }
    ack(incoming).await;
    assert!(within(&mut subscription, QUIET).await.is_none());
}

pub async fn duplicates_within_the_window_are_dropped<S: Server>() {
    let server = S::start().await;
    let broker = server.connect().await;
    let deduplicates = broker.capabilities().deduplicates;
    let mut subscription = subscribe(&broker, &["t"]).await;
    let id = MessageId::parse("same").expect("an id");
    let mut duplicates = Vec::new();
    for _ in 0..2 {
        let published = broker
            .publish(Message::new("t", "x"), Some(id.clone()))
            .await;
        duplicates.push(published.expect("it is published").duplicate);
    }
    assert_eq!(duplicates, [false, deduplicates]);
    ack(next(&mut subscription).await).await;
    let again = within(&mut subscription, QUIET).await;
    assert_eq!(again.is_none(), deduplicates);
}

/// After a kill and a restart of the server, kept messages and new ones reach the same
/// subscription.
pub async fn messages_arrive_after_a_restart_of_the_server<S: Remote>() {
    let mut server = S::start().await;
    let broker = server.connect().await;
    let mut subscription = subscribe(&broker, &["t"]).await;
    publish(&broker, "t", "before").await;
    let before = next(&mut subscription).await;
    server.restart().await;
    publish_somehow(&broker, "t", "after").await;
    let mut found = vec![text(&next(&mut subscription).await)];
    drop(before);
    if broker.capabilities().at_least_once {
        found.push(text(&next(&mut subscription).await));
    }
    assert!(found.contains(&"after".to_owned()), "{found:?}");
    assert_eq!(broker.trouble(), None);
}
