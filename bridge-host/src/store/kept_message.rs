//! Messages that the store keeps after a failed or delayed delivery: the types that go into the
//! store and come out of it.
//!
//! `foreign_message` and `dead_letters` have their rows.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::message::{Message, MessageId};

/// Why a delivery failed permanently.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DeadLetter {
    /// The reason, in one line.
    pub reason: String,
    /// The status of the last exchange, if there was one.
    pub status: Option<u16>,
    /// How many attempts were made.
    pub attempts: u32,
    /// The backtrace of the component after a trap.
    pub backtrace: Option<String>,
    /// The key that the dead letter blocks: messages with the same key wait until it is replayed or
    /// dropped. `None` if it blocks no messages.
    pub key: Option<String>,
}

/// A message of another broker that waits in the store for its retry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedMessage {
    /// The subscription that delivers it.
    pub subscription: String,
    /// The message, as it was received.
    pub message: Arc<Message>,
    /// The id of the message.
    pub id: MessageId,
    /// When the broker accepted the message.
    pub published: SystemTime,
    /// How many attempts were made.
    pub attempts: u32,
    /// The time since the first attempt ended.
    pub tried_for: Duration,
    /// The wait before the next attempt.
    pub after: Duration,
}

/// A message of another broker whose key may be blocked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyedMessage {
    /// The subscription that would deliver it.
    pub subscription: String,
    /// The key of the message.
    pub key: String,
    /// The message, as it was received.
    pub message: Arc<Message>,
    /// The id of the message.
    pub id: MessageId,
    /// When the broker accepted the message.
    pub published: SystemTime,
}

/// Whether a message may be delivered now, given the dead letters of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyTurn {
    /// The message may be delivered: no message of its key is a dead letter or waits.
    Free,
    /// The message may be delivered: it is the first one that waits, and no dead letter blocks its
    /// key.
    Now,
    /// The message waits in the store, behind a dead letter or behind other messages.
    Later,
}

/// A delivery that failed permanently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedDelivery {
    /// The subscription whose delivery failed.
    pub subscription: String,
    /// The message, as it was received.
    pub message: Arc<Message>,
    /// The id of the message.
    pub id: MessageId,
    /// When the broker accepted the message. It distinguishes two messages with the same id.
    pub published: SystemTime,
    /// Why the delivery failed.
    pub letter: DeadLetter,
}

/// A dead letter as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptDeadLetter {
    /// The number of the dead letter.
    pub id: i64,
    /// The subscription whose delivery failed.
    pub subscription: String,
    /// The id of the message.
    pub message_id: String,
    /// When the message was published.
    pub published: SystemTime,
    /// When the delivery failed.
    pub at: SystemTime,
    /// Why the delivery failed.
    pub letter: DeadLetter,
    /// The size of data, metadata, topic and content-type, in bytes.
    pub size: u64,
    /// The message. A list leaves out its data, which may be large.
    pub message: Message,
}

/// Selects dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeadLetterFilter {
    /// All dead letters.
    All,
    /// The dead letters of one subscription.
    Subscription(String),
    /// The dead letter with this number.
    Id(i64),
}
