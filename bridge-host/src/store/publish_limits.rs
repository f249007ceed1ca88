//! What a publisher is refused before its message is queued. Room in the store
//! is looked after by the writer.

use super::error::StoreFailure;
use super::publish::{CheckedMessage, MAX_ROW};
use crate::message::{Message, MetadataSize, check_topic};

/// The limits of the messages that are published here.
pub(super) struct PublishLimits {
    max_message_size: u64,
}

impl PublishLimits {
    /// No message has more bytes of data than this.
    pub(super) fn new(max_message_size: u64) -> Self {
        Self {
            max_message_size: max_message_size.min(MAX_ROW),
        }
    }

    /// Checks a message, or says which limit it exceeds.
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
