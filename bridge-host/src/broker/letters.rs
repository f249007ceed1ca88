//! Dead letters as values: what is known of a delivery that was given up, and
//! who keeps it. Where they are kept is `embedded` and `letter_topic`.

use std::time::SystemTime;

use async_trait::async_trait;

use super::BrokerError;
use crate::message::{Message, MessageId};

/// Why a delivery was given up.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DeadLetter {
    /// One line.
    pub reason: String,
    /// The status of the last exchange, where there was one.
    pub status: Option<u16>,
    /// How many attempts were made, this one included.
    pub attempts: u32,
    /// The guest's backtrace after a trap.
    pub backtrace: Option<String>,
}

/// Keeps the dead letters of brokers that keep none.
#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// Returns once it is durable. One that is kept already is not kept again,
    /// so that a crash between this and the settlement leaves one letter.
    async fn keep(&self, given_up: GivenUp) -> Result<(), BrokerError>;
}

/// A delivery that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// The subscription that gave it up.
    pub subscription: String,
    /// The message as it was given.
    pub message: Message,
    /// Its id.
    pub id: MessageId,
    /// When the broker took it: two messages of one id differ by it.
    pub published: SystemTime,
    /// Why it was given up.
    pub letter: DeadLetter,
}

/// A dead letter as it is found where it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptDeadLetter {
    /// Its number there.
    pub id: i64,
    /// The subscription that gave it up.
    pub subscription: String,
    /// The id of its message.
    pub message_id: String,
    /// When the message was published.
    pub published: SystemTime,
    /// When it was given up.
    pub at: SystemTime,
    /// Why.
    pub letter: DeadLetter,
    /// The size of the message: data, metadata, topic and content-type.
    pub size: u64,
    /// The message. In a list its data is left out, as it may be large.
    pub message: Message,
}

/// Which dead letters are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// Every one there is.
    All,
    /// Those of one subscription.
    Subscription(String),
    /// The one with this number.
    Id(i64),
}
