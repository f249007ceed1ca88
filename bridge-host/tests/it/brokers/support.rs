//! Helpers for the contract tests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bridge_host::broker::{
    Broker, BrokerError, BrokerSettings, Incoming, OpenContext, Receipt, Settlement, Start,
    SubscribeSpec, Subscription,
};
use bridge_host::message::{Message, MessageId, TopicPattern};

/// The name of the subscription in these tests.
pub const GROUP: &str = "group";
/// The length of a lease, where a test sets it.
pub const LEASE: Duration = Duration::from_secs(2);
/// Longer than any step takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Opens a connection with these settings.
pub async fn open(settings: impl BrokerSettings) -> Arc<dyn Broker> {
    let opening = OpenContext {
        name: "events",
        subscriptions: &BTreeMap::new(),
    };
    settings.open(opening).await.expect("it opens")
}

pub fn spec(topics: &[&str]) -> SubscribeSpec {
    SubscribeSpec {
        start: Start::All,
        name: GROUP.into(),
        topics: topics
            .iter()
            .map(|topic| TopicPattern::parse(topic).expect("a pattern"))
            .collect(),
        ordered: false,
        longest_wait: std::time::Duration::from_secs(3600),
        in_flight: 8,
    }
}

pub async fn subscribe(broker: &Arc<dyn Broker>, topics: &[&str]) -> Box<dyn Subscription> {
    broker
        .subscribe(spec(topics))
        .await
        .expect("a subscription")
}

pub async fn publish(broker: &Arc<dyn Broker>, topic: &str, data: &str) -> MessageId {
    let message = Message::new(topic, data.as_bytes().to_vec());
    let published = broker.publish(message, None).await;
    published.expect("it is published").id
}

pub async fn next(subscription: &mut Box<dyn Subscription>) -> Incoming {
    let next = tokio::time::timeout(PATIENCE, subscription.next());
    next.await.expect("a message comes").expect("no error")
}

/// Returns the next message, if one comes within this time.
pub async fn within(subscription: &mut Box<dyn Subscription>, time: Duration) -> Option<Incoming> {
    let next = tokio::time::timeout(time, subscription.next()).await.ok()?;
    Some(next.expect("no error"))
}

pub fn text(incoming: &Incoming) -> String {
    String::from_utf8(incoming.message.data.to_vec()).expect("text")
}

pub async fn settle(receipt: Box<dyn Receipt>, settlement: Settlement) {
    receipt.settle(settlement).await.expect("it is settled");
}

/// Acknowledges a message, and returns its text.
pub async fn ack(incoming: Incoming) -> String {
    let text = text(&incoming);
    settle(incoming.receipt, Settlement::Delivered).await;
    text
}

/// Acknowledges this many messages, and returns their texts, sorted.
pub async fn texts(subscription: &mut Box<dyn Subscription>, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    for _ in 0..count {
        texts.push(ack(next(subscription).await).await);
    }
    texts.sort();
    texts
}

/// Publishes until the broker accepts the message.
pub async fn publish_somehow(broker: &Arc<dyn Broker>, topic: &str, data: &str) {
    crate::harness::until("the broker takes a message", || async {
        let message = Message::new(topic, data.as_bytes().to_vec());
        match broker.publish(message, None).await {
            Ok(_) => Some(()),
            Err(BrokerError::Unavailable(_) | BrokerError::Timeout) => None,
            Err(error) => panic!("{error}"),
        }
    })
    .await;
}
