//! Keys that may be blocked by a dead letter, as far as is known here. Whether
//! they are is asked of who keeps the letter: it can be replayed or dropped
//! behind the back of this process.

use parking_lot::{Mutex, MutexGuard};
use std::collections::HashSet;

use super::order::{AfterDeadLetter, Order, OrderKey};
use crate::message::Message;

/// The keys of one subscription that had a dead letter.
pub(super) struct Blocked {
    /// `None` where nothing is blocked.
    by: Option<OrderKey>,
    keys: Mutex<HashSet<String>>,
}

impl Blocked {
    /// With these from before.
    pub(super) fn new(order: Option<&Order>, keys: &[String]) -> Self {
        let blocks = |order: &&Order| order.after_dead_letter == AfterDeadLetter::Block;
        Self {
            by: order.filter(blocks).map(|order| order.by.clone()),
            keys: Mutex::new(keys.iter().cloned().collect()),
        }
    }

    /// The key that a message blocks when it is given up.
    pub(super) fn key(&self, message: &Message) -> Option<String> {
        let key = self.by.as_ref()?.of(message)?;
        Some(key.into_owned())
    }

    /// The key of a message whose turn has to be asked for.
    pub(super) fn suspected(&self, message: &Message) -> Option<String> {
        if self.by.is_none() || self.lock().is_empty() {
            return None;
        }
        self.key(message).filter(|key| self.lock().contains(key))
    }

    /// It is about to have a dead letter.
    pub(super) fn add(&self, key: &str) {
        self.lock().insert(key.to_owned());
    }

    /// It has none, and nothing waits.
    pub(super) fn remove(&self, key: &str) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.keys.lock()
    }
}
