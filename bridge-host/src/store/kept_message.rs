//! What is kept of deliveries that were given up, or that wait: the values that
//! go into the store and come out of it. Their rows are in `foreign_message` and `dead_letters`.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

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
    /// The key that it blocks: messages of the same wait until the letter is
    /// replayed or dropped. `None` where it holds back nothing.
    pub key: Option<String>,
}

/// A message that waits for its retry, away from its broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedMessage {
    /// The subscription that delivers it.
    pub subscription: String,
    /// The message as it was given.
    pub message: Arc<Message>,
    /// Its id.
    pub id: MessageId,
    /// When the broker took it.
    pub published: SystemTime,
    /// How many attempts were made.
    pub attempts: u32,
    /// The time since the first of them.
    pub tried_for: Duration,
    /// The wait before the next.
    pub after: Duration,
}

/// A message whose key may be blocked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyedMessage {
    /// The subscription that would deliver it.
    pub subscription: String,
    /// What it shares with those that it may have to wait for.
    pub key: String,
    /// The message as it was given.
    pub message: Arc<Message>,
    /// Its id.
    pub id: MessageId,
    /// When the broker took it.
    pub published: SystemTime,
}

/// Whether a message may be delivered whose key had a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyTurn {
    /// Nothing of its key is a dead letter, or waits because of one.
    Free,
    /// It is the first of those that wait, and no letter holds it back.
    Now,
    /// It waits, durably, behind a letter or behind others.
    Later,
}

/// A delivery that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedDelivery {
    /// The subscription that gave it up.
    pub subscription: String,
    /// The message as it was given.
    pub message: Arc<Message>,
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
pub enum DeadLetterFilter {
    /// Every one there is.
    All,
    /// Those of one subscription.
    Subscription(String),
    /// The one with this number.
    Id(i64),
}
