//! Whether two deliveries are of the same message. An id is unique only within
//! its topic and for a time, so two messages of one key can share an id.

use std::sync::Arc;
use std::time::SystemTime;

use crate::broker::Incoming;
use crate::message::{Message, MessageId};

/// What stays the same in all deliveries of a message.
pub(super) struct MessageIdentity {
    id: MessageId,
    message: Arc<Message>,
    published: SystemTime,
}

impl MessageIdentity {
    pub(super) fn of(incoming: &Incoming) -> Self {
        Self {
            id: incoming.id.clone(),
            message: incoming.message.clone(),
            published: incoming.published,
        }
    }

    /// Returns whether this is another delivery of the same message.
    pub(super) fn is(&self, other: &Incoming) -> bool {
        self.id == other.id
            && self.published == other.published
            && self.message.topic == other.message.topic
    }
}
