//! A message as it arrived, with its id and the only group that takes it, if there is one.
//! Each broker reads these from its own headers or fields.

use crate::message::{Message, MessageId};

/// A message as it arrived.
pub struct DecodedMessage {
    /// The message itself.
    pub message: Message,
    /// The id that the message came with.
    pub id: Option<MessageId>,
    /// For a replayed dead letter, the only group that takes the message.
    pub only_for: Option<String>,
    /// Why this cannot be delivered; `None` for a sound message.
    pub fault: Option<Fault>,
}

/// Why something that arrived is not a message. It becomes a dead letter without an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The reason, for the dead letter.
    pub reason: String,
    /// Whether its topic is known. Without a topic, every subscription takes it.
    pub has_topic: bool,
}

impl DecodedMessage {
    /// Returns whether the topic is missing, so that no pattern can match it.
    pub fn has_no_topic(&self) -> bool {
        self.fault.as_ref().is_some_and(|fault| !fault.has_topic)
    }

    /// Returns whether the message is a replayed dead letter of another group.
    pub fn is_for_others(&self, group: &str) -> bool {
        self.only_for.as_ref().is_some_and(|only| only != group)
    }

    /// Returns whether the message is a replayed dead letter.
    pub fn is_replayed(&self) -> bool {
        self.only_for.is_some()
    }
}
