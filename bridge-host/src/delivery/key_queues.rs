//! One queue for each key that has a message in flight. Later messages of the key
//! go to the queue's inbox. This file only records which queues exist and what
//! they hold: the task that delivers a queue's messages is in `key_worker`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use super::order::{KeyHash, KeyHasher, OrderKey};
use crate::broker::Incoming;

/// The most messages held in all queues. Beyond that, nothing is fetched.
pub(super) const MAX_QUEUED: usize = 1024;
const MAX_QUEUED_BYTES: usize = 64 << 20;

/// The queues of one subscription.
pub(super) struct KeyQueues {
    hasher: KeyHasher,
    state: Arc<SharedState>,
}

struct SharedState {
    state: Mutex<State>,
    /// Notified when queue space becomes free or a queue closes.
    changed: Notify,
}

#[derive(Default)]
struct State {
    inboxes: HashMap<KeyHash, Vec<QueuedMessage>>,
    queued: usize,
    bytes: usize,
}

/// A message in a queue, with the space that it takes.
pub(super) struct QueuedMessage {
    pub(super) incoming: Incoming,
    _space: QueueSpace,
}

/// The space of one message, released when dropped.
pub(super) struct QueueSpace {
    shared: Arc<SharedState>,
    bytes: usize,
}

/// The open queue of a key. When dropped, it closes, and the messages in its
/// inbox are given back to the broker.
pub(super) struct KeyQueue {
    key: KeyHash,
    shared: Arc<SharedState>,
    /// Set once the queue is closed: the key may have a new queue by then.
    closed: bool,
}

/// Where a message goes.
pub(super) enum Route {
    /// The message has no key.
    Unordered(Incoming),
    /// The message is the first of its key.
    First(Incoming, KeyQueue),
    /// Another message of the key is in flight: the message went to the key's
    /// inbox.
    Queued,
}

impl KeyQueues {
    pub(super) fn new(key: &OrderKey) -> Self {
        Self {
            hasher: KeyHasher::new(key.clone()),
            state: Arc::new(SharedState {
                state: Mutex::default(),
                changed: Notify::new(),
            }),
        }
    }

    /// Routes a message, and opens a queue for the first message of a key.
    pub(super) fn enter(&self, incoming: Incoming) -> Route {
        let Some(key) = self.hasher.of(&incoming.message) else {
            return Route::Unordered(incoming);
        };
        let mut state = self.state.lock();
        if let Entry::Vacant(vacant) = state.inboxes.entry(key) {
            vacant.insert(Vec::new());
            let shared = self.state.clone();
            let queue = KeyQueue {
                key,
                shared,
                closed: false,
            };
            return Route::First(incoming, queue);
        }
        let space = self.state.reserve_space(&mut state, &incoming);
        let queued = QueuedMessage {
            incoming,
            _space: space,
        };
        state.inboxes.entry(key).or_default().push(queued);
        Route::Queued
    }

    /// Waits until the queues have space for one more message.
    pub(super) async fn wait_for_space(&self) {
        let has_space = |state: &State| state.queued < MAX_QUEUED && state.bytes < MAX_QUEUED_BYTES;
        self.state.wait_until(has_space).await;
    }

    /// Waits until no queue is open and no message is queued.
    pub(super) async fn wait_until_empty(&self) {
        let empty = |state: &State| state.queued == 0 && state.inboxes.is_empty();
        self.state.wait_until(empty).await;
    }

    /// Returns how many messages are queued.
    pub(super) fn queued(&self) -> usize {
        self.state.lock().queued
    }
}

impl KeyQueue {
    /// Takes the messages that arrived since the last call, in their order.
    pub(super) fn take_inbox(&self) -> Vec<QueuedMessage> {
        let mut state = self.shared.lock();
        let inbox = state.inboxes.get_mut(&self.key);
        inbox.map(std::mem::take).unwrap_or_default()
    }

    /// Closes the queue, unless a message has arrived. Returns whether it is
    /// closed.
    pub(super) fn close(&mut self) -> bool {
        let mut state = self.shared.lock();
        if state.inboxes.get(&self.key).is_none_or(Vec::is_empty) {
            state.inboxes.remove(&self.key);
            self.closed = true;
        }
        self.closed
    }

    /// Reserves space for a message that waits outside of the inbox.
    pub(super) fn reserve(&self, incoming: &Incoming) -> QueueSpace {
        let mut state = self.shared.lock();
        self.shared.reserve_space(&mut state, incoming)
    }
}

impl Drop for KeyQueue {
    fn drop(&mut self) {
        if !self.closed {
            let given_back = self.shared.lock().inboxes.remove(&self.key);
            drop(given_back);
        }
        self.shared.changed.notify_waiters();
    }
}

impl Drop for QueueSpace {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.queued -= 1;
        state.bytes -= self.bytes;
        drop(state);
        self.shared.changed.notify_waiters();
    }
}

impl SharedState {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    fn reserve_space(self: &Arc<Self>, state: &mut State, incoming: &Incoming) -> QueueSpace {
        let message = &incoming.message;
        let metadata = message.metadata.iter();
        let metadata: usize = metadata.map(|(key, value)| key.len() + value.len()).sum();
        let bytes = message.data.len() + metadata;
        state.queued += 1;
        state.bytes += bytes;
        QueueSpace {
            shared: self.clone(),
            bytes,
        }
    }

    async fn wait_until(&self, holds: impl Fn(&State) -> bool) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if holds(&self.lock()) {
                return;
            }
            changed.await;
        }
    }
}
