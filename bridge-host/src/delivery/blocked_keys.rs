//! The keys that a dead letter may block, as far as this process knows. The store
//! of the dead letter decides: another process can replay or drop the letter.

use std::collections::HashSet;

use parking_lot::Mutex;

use super::order::{AfterDeadLetter, KeyOrdering, OrderKey};
use crate::message::Message;

/// The keys of one subscription that had a dead letter.
pub(super) struct BlockedKeys {
    /// `None` if dead letters block no keys.
    by: Option<OrderKey>,
    keys: Mutex<HashSet<String>>,
}

impl BlockedKeys {
    /// Creates the set, with the keys that were blocked before the start.
    pub(super) fn new(order: Option<&KeyOrdering>, keys: &[String]) -> Self {
        let blocks = |order: &&KeyOrdering| order.after_dead_letter == AfterDeadLetter::Block;
        Self {
            by: order.filter(blocks).map(|order| order.by.clone()),
            keys: Mutex::new(keys.iter().cloned().collect()),
        }
    }

    /// Returns the key that a message blocks once it becomes a dead letter.
    pub(super) fn key(&self, message: &Message) -> Option<String> {
        let key = self.by.as_ref()?.of(message)?;
        Some(key.into_owned())
    }

    /// Returns the key of a message if that key may be blocked, so that the
    /// worker must ask for the message's turn.
    pub(super) fn may_be_blocked(&self, message: &Message) -> Option<String> {
        if self.by.is_none() || self.keys.lock().is_empty() {
            return None;
        }
        self.key(message)
            .filter(|key| self.keys.lock().contains(key))
    }

    /// Marks a key whose message is about to become a dead letter.
    pub(super) fn add(&self, key: &str) {
        self.keys.lock().insert(key.to_owned());
    }

    /// Unmarks a key: it has no dead letter, and no message waits behind one.
    pub(super) fn remove(&self, key: &str) {
        self.keys.lock().remove(key);
    }
}
