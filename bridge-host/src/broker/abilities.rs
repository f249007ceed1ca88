//! The abilities that only some brokers have: one trait for each.
//!
//! What every broker can do is in `broker`.

use async_trait::async_trait;

use super::dead_letters::DeadLetterSource;
use super::{BrokerError, KeyTurn, Reply, Request};
use crate::message::{Message, MessageId};

/// Requests and replies between clients of a broker.
#[async_trait]
pub trait RequestReply: Send + Sync {
    /// Publishes a message and waits for replies. No reply is an error.
    async fn request(&self, request: Request) -> Result<Vec<Reply>, BrokerError>;
}

/// Topics on which a broker keeps dead letters.
#[async_trait]
pub trait DeadLetterTopics: Send + Sync {
    /// Ensures that the broker keeps messages on this topic until they are removed. If the broker
    /// is unreachable, it does so later.
    async fn keep_topic(&self, topic: &str) -> Result<(), BrokerError>;

    /// Opens the dead letters on these topics.
    async fn letters(&self, topics: Vec<String>) -> Result<Box<dyn DeadLetterSource>, BrokerError>;
}

/// Publishes the message of a dead letter again.
#[async_trait]
pub trait Republish: Send + Sync {
    /// Publishes the message to its original topic, only for the group whose
    /// delivery failed. The message keeps its id; `once` identifies this
    /// publication, so that a repeated publication is a duplicate.
    async fn republish(
        &self,
        message: Message,
        id: &MessageId,
        group: &str,
        once: &MessageId,
    ) -> Result<(), BrokerError>;
}

/// Decides whether a message may be delivered whose key may have a dead letter, at a broker that
/// keeps dead letters itself.
#[async_trait]
pub trait TurnCheck: Send {
    /// Returns whether the message may be delivered now. If not, the broker has
    /// settled this delivery, and delivers the message again when its turn comes.
    async fn turn(&mut self, key: &str) -> Result<KeyTurn, BrokerError>;
}
