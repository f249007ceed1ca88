//! Which message is which. An id is that of one message only on its topic, and
//! for a time: two of one id can be under way for the same key.

use std::sync::Arc;
use std::time::SystemTime;

use crate::broker::Incoming;
use crate::message::{Message, MessageId};

/// What stays the same each time that a broker gives a message.
pub(super) struct Identity {
    id: MessageId,
    message: Arc<Message>,
    published: SystemTime,
}

impl Identity {
    pub(super) fn of(incoming: &Incoming) -> Self {
        Self {
            id: incoming.id.clone(),
            message: incoming.message.clone(),
            published: incoming.published,
        }
    }

    /// Whether this is the same one, come again.
    pub(super) fn is(&self, other: &Incoming) -> bool {
        self.id == other.id
            && self.published == other.published
            && self.message.topic == other.message.topic
    }
}
