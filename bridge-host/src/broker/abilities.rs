//! What some brokers can do and others cannot: a trait for each ability, which
//! a broker offers or not. What every broker can do is in `broker`.

use async_trait::async_trait;

use super::dead_letters::Source;
use super::{BrokerError, Reply, Request, Turn};
use crate::message::{Message, MessageId};

/// Requests and replies between clients of a broker.
#[async_trait]
pub trait RequestReply: Send + Sync {
    /// Publishes a message and waits for replies to it: none is an error.
    async fn request(&self, request: Request) -> Result<Vec<Reply>, BrokerError>;
}

/// Topics on which a broker keeps dead letters.
#[async_trait]
pub trait DeadLetterTopics: Send + Sync {
    /// Ensures that messages published on this topic are kept until they are
    /// removed. A broker that cannot be reached does so once it can.
    async fn keep_topic(&self, topic: &str) -> Result<(), BrokerError>;

    /// Opens the dead letters on these topics.
    async fn letters(&self, topics: Vec<String>) -> Result<Box<dyn Source>, BrokerError>;
}

/// The way back for the message of a dead letter.
#[async_trait]
pub trait Republish: Send + Sync {
    /// Publishes the message to the topic where it came from, for the group that
    /// gave it up alone. It keeps its id; `once` identifies this publication, so
    /// that a repeated one is a duplicate.
    async fn republish(
        &self,
        message: Message,
        id: &MessageId,
        group: &str,
        once: &MessageId,
    ) -> Result<(), BrokerError>;
}

/// The turn of a message whose key may have a dead letter, at a broker that
/// keeps dead letters itself.
#[async_trait]
pub trait AskTurn: Send {
    /// Returns whether the message may be delivered. One whose turn comes later
    /// is settled by the answer.
    async fn turn(&mut self, key: &str) -> Result<Turn, BrokerError>;
}
