//! A message as it arrived: the id that it came with, and the group that it is for.
//! Reading it from a broker's headers or fields is the broker's own.

use crate::message::{Message, MessageId};

/// A message as it arrived.
pub struct Arrived {
    /// The message itself.
    pub message: Message,
    /// The id that it came with.
    pub id: Option<MessageId>,
    /// Of a replayed dead letter: the only group that takes it.
    pub only_for: Option<String>,
}

impl Arrived {
    /// Returns whether another group gave the message up, and has it again.
    pub fn is_for_others(&self, group: &str) -> bool {
        self.only_for.as_ref().is_some_and(|only| only != group)
    }

    /// Returns whether the message is a dead letter that was published again.
    pub fn is_replayed(&self) -> bool {
        self.only_for.is_some()
    }
}
