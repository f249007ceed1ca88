//! Dead letters that are published on a topic: the unchanged message, with the details of the
//! failure in its metadata.
//!
//! `kit::dead_letters` lists and reads them. Any subscription can receive them.

use std::fmt::Display;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;

use super::{
    Broker, BrokerError, DeadLetter, DeadLetterStore, FailedDelivery, KeptDeadLetter, KeyTurn,
    KeyedMessage, ParkedMessage, Refusal,
};
use crate::message::{Message, MessageId, MetadataSize, rfc3339};

/// The prefix of all metadata about a dead letter.
const PREFIX: &str = "dead-letter-";

/// A topic that dead letters are published on.
pub struct DeadLetterTopic {
    broker: Arc<dyn Broker>,
    topic: String,
    /// Keeps dead letters that the topic does not accept, such as a message that is too
    /// large with the details of its failure.
    others: Arc<dyn DeadLetterStore>,
    /// The most hops of a message whose dead letter is published on the topic.
    max_hops: u32,
}

impl DeadLetterTopic {
    /// Makes the broker keep the messages on this topic.
    pub async fn open(
        broker: Arc<dyn Broker>,
        topic: &str,
        others: Arc<dyn DeadLetterStore>,
        max_hops: u32,
    ) -> Result<Self, BrokerError> {
        // After any other failure, the broker keeps the topic once it is reachable.
        let Some(topics) = broker.dead_letter_topics() else {
            return Err(Refusal::NoDeadLetterTopics(topic.into()).into());
        };
        BrokerError::only_refusal(topics.keep_topic(topic).await)?;
        Ok(Self {
            broker,
            topic: topic.into(),
            others,
            max_hops,
        })
    }
}

impl DeadLetterTopic {
    fn tell(&self, given_up: &FailedDelivery, error: &dyn Display) {
        tracing::warn!(
            subscription = given_up.subscription,
            id = given_up.id.as_str(),
            topic = self.topic,
            %error,
            "the topic does not take the dead letter: it is in the local store"
        );
    }
}

#[async_trait]
impl DeadLetterStore for DeadLetterTopic {
    async fn keep(&self, given_up: FailedDelivery) -> Result<(), BrokerError> {
        if given_up.message.hops() >= self.max_hops {
            self.tell(&given_up, &"its message made too many hops");
            return self.others.keep(given_up).await;
        }
        let (message, id) = published(&self.topic, &given_up, SystemTime::now());
        match self.broker.publish(message, Some(id)).await {
            Ok(_) => Ok(()),
            Err(error @ (BrokerError::TooLarge { .. } | BrokerError::Refused(_))) => {
                self.tell(&given_up, &error);
                self.others.keep(given_up).await
            }
            Err(error) => Err(error),
        }
    }

    /// Dead letters on a topic do not block keys, but parked messages do.
    async fn turn(&self, waiting: KeyedMessage) -> Result<KeyTurn, BrokerError> {
        self.others.turn(waiting).await
    }

    /// The local store parks messages, because a topic cannot.
    async fn park(&self, parked: ParkedMessage) -> Result<(), BrokerError> {
        self.others.park(parked).await
    }
}

/// Returns the dead letter as a message, with an id that is the same for each call.
fn published(topic: &str, given_up: &FailedDelivery, at: SystemTime) -> (Message, MessageId) {
    let FailedDelivery {
        subscription,
        message,
        id,
        published,
        letter,
    } = given_up;
    let mut text = Message {
        topic: topic.into(),
        ..Message::clone(message)
    }
    .one_hop_after(message.hops());
    // The message may have been a dead letter before. Details that this dead letter lacks must not
    // remain.
    let rare = |key: &str| matches!(key.strip_prefix(PREFIX), Some("status" | "backtrace"));
    text.metadata.retain(|(key, _)| !rare(key));
    let mut add = |key: &str, value: String| text.add_metadata(format!("{PREFIX}{key}"), value);
    add("subscription", subscription.clone());
    add("id", id.to_string());
    add("topic", message.topic.clone());
    add("published", rfc3339(*published));
    add("at", rfc3339(at));
    add("reason", letter.reason.clone());
    add("attempts", letter.attempts.to_string());
    if let Some(status) = letter.status {
        add("status", status.to_string());
    }
    if let Some(backtrace) = &letter.backtrace {
        add("backtrace", backtrace.clone());
    }
    let nanos = published.duration_since(UNIX_EPOCH).unwrap_or_default();
    (text, id.dead_letter(subscription, nanos.as_nanos()))
}

/// Reads a dead letter with this number. Returns `None` for a message that is not a dead letter.
pub fn read(number: i64, mut message: Message) -> Option<KeptDeadLetter> {
    let mut take = |key: &str| {
        let is_meant = |(known, _): &(String, String)| known.strip_prefix(PREFIX) == Some(key);
        let at = message.metadata.iter().position(is_meant)?;
        Some(message.metadata.remove(at).1)
    };
    let time = |text: String| humantime::parse_rfc3339(&text).ok();
    let (subscription, message_id) = (take("subscription")?, take("id")?);
    let topic = take("topic")?;
    let (published, at) = (time(take("published")?)?, time(take("at")?)?);
    let letter = DeadLetter {
        reason: take("reason")?,
        attempts: take("attempts")?.parse().ok()?,
        status: take("status").and_then(|status| status.parse().ok()),
        backtrace: take("backtrace"),
        key: None,
    };
    message.topic = topic;
    // Publishing the dead letter counted one hop.
    message.set_hops(message.hops().saturating_sub(1));
    let content_type = message.content_type.as_ref().map_or(0, String::len);
    let metadata = MetadataSize::of(&message.metadata).bytes();
    let size = message.data.len() + message.topic.len() + content_type + metadata;
    Some(KeptDeadLetter {
        id: number,
        subscription,
        message_id,
        published,
        at,
        letter,
        size: size as u64,
        message,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn given_up() -> FailedDelivery {
        let mut message = Message::new("orders.new", "data");
        message.content_type = Some("text/plain".into());
        message.add_metadata("x-tenant", "acme");
        FailedDelivery {
            subscription: "orders".into(),
            message: Arc::new(message),
            id: MessageId::parse("m-1").unwrap(),
            published: UNIX_EPOCH + Duration::from_nanos(1_700_000_000_123_456_789),
            letter: DeadLetter {
                reason: "gave up after 3 attempts: 503".into(),
                status: Some(503),
                attempts: 3,
                backtrace: Some("0: f\n1: g".into()),
                key: None,
            },
        }
    }

    #[test]
    fn a_dead_letter_is_read_unchanged() {
        let (given_up, at) = (given_up(), UNIX_EPOCH + Duration::from_secs(7));
        let (message, _) = published("dead.orders", &given_up, at);
        assert_eq!(message.topic, "dead.orders");
        let kept = read(9, message).unwrap();
        assert_eq!((kept.id, kept.at), (9, at));
        assert_eq!(
            (&kept.message, kept.letter),
            (&*given_up.message, given_up.letter)
        );
        assert_eq!(kept.published, given_up.published);
        assert_eq!(kept.message_id, "m-1");
        assert_eq!(read(9, Message::new("dead.orders", "else")), None);
    }

    #[test]
    fn a_dead_letter_of_a_dead_letter_describes_the_last_failure() {
        let (mut given_up, at) = (given_up(), UNIX_EPOCH + Duration::from_secs(7));
        let (first, _) = published("dead.orders", &given_up, at);
        given_up.message = Arc::new(first);
        (given_up.letter.status, given_up.letter.backtrace) = (None, None);
        let (second, _) = published("dead.dead", &given_up, at);
        let kept = read(9, second).unwrap();
        assert_eq!(kept.letter, given_up.letter);
        assert_eq!(kept.message.topic, "dead.orders");
    }

    #[test]
    fn a_failure_has_one_id() {
        let (first, mut second) = (given_up(), given_up());
        let id =
            |given_up: &FailedDelivery| published("dead.orders", given_up, SystemTime::now()).1;
        assert_eq!(id(&first), id(&second));
        // The message was published again after this dead letter.
        second.published += Duration::from_nanos(1);
        assert_ne!(id(&first), id(&second));
    }
}
