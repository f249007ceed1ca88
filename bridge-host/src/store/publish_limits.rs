//! The checks of a message before it is queued: topic, metadata and size.
//!
//! The writer checks whether the store has room.

use super::error::StoreFailure;
use super::publish::{CheckedMessage, MAX_ROW};
use crate::message::{Message, MetadataSize, check_topic};

/// The limits of published messages.
pub(super) struct PublishLimits {
    max_message_size: u64,
}

impl PublishLimits {
    /// Creates the limits; `max_message_size` limits the bytes of data.
    pub(super) fn new(max_message_size: u64) -> Self {
        Self {
            max_message_size: max_message_size.min(MAX_ROW),
        }
    }

    /// Checks a message. Returns an error for the limit that it exceeds.
    pub(super) fn check(&self, message: &Message) -> Result<CheckedMessage, StoreFailure> {
        check_topic(&message.topic)?;
        MetadataSize::of(&message.metadata).check()?;
        let (size, max) = (message.data.len() as u64, self.max_message_size);
        match size > max {
            true => Err(StoreFailure::TooLarge { size, max }),
            false => CheckedMessage::of(message),
        }
    }
}
