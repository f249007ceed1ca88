//! Lanes: one for each key that has a message under way. What comes for a key
//! meanwhile is put into its lane's inbox. Bookkeeping only; the task that
//! works a lane off is `in_order`.

use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use tokio::sync::Notify;

use super::order::{Key, Keys, OrderKey};
use crate::broker::Incoming;

/// The most that is held back in all lanes; with more, nothing is fetched.
pub(super) const MOST: usize = 1024;
const MOST_BYTES: usize = 64 << 20;

/// The lanes of one subscription.
pub(super) struct Lanes {
    keys: Keys,
    state: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// A seat became free, or a lane ended.
    changed: Notify,
}

#[derive(Default)]
struct State {
    inboxes: HashMap<Key, Vec<Held>>,
    seats: usize,
    bytes: usize,
}

/// A message that is held back: it takes a seat.
pub(super) struct Held {
    pub(super) incoming: Incoming,
    _seat: Seat,
}

/// What a held message takes of the room there is.
pub(super) struct Seat {
    shared: Arc<Shared>,
    bytes: usize,
}

/// An open lane. Dropped, it is closed, and what is in its inbox given back.
pub(super) struct Lane {
    key: Key,
    shared: Arc<Shared>,
    /// The key may have another lane by now.
    closed: bool,
}

/// Where a message goes.
pub(super) enum Way {
    /// It has no key.
    Free(Incoming),
    /// It is the first of its key.
    First(Incoming, Lane),
    /// It is behind others of its key.
    Behind,
}

impl Lanes {
    pub(super) fn new(key: &OrderKey) -> Self {
        Self {
            keys: Keys::new(key.clone()),
            state: Arc::new(Shared {
                state: Mutex::default(),
                changed: Notify::new(),
            }),
        }
    }

    /// Finds the way of a message.
    pub(super) fn enter(&self, incoming: Incoming) -> Way {
        let Some(key) = self.keys.of(&incoming.message) else {
            return Way::Free(incoming);
        };
        let mut state = self.state.lock();
        if let Entry::Vacant(vacant) = state.inboxes.entry(key) {
            vacant.insert(Vec::new());
            let shared = self.state.clone();
            let lane = Lane {
                key,
                shared,
                closed: false,
            };
            return Way::First(incoming, lane);
        }
        let seat = self.state.take_seat(&mut state, &incoming);
        let held = Held {
            incoming,
            _seat: seat,
        };
        state.inboxes.entry(key).or_default().push(held);
        Way::Behind
    }

    /// Waits until one more may be held back.
    pub(super) async fn room(&self) {
        let has_room = |state: &State| state.seats < MOST && state.bytes < MOST_BYTES;
        self.state.until(has_room).await;
    }

    /// Waits until no lane is open and nothing is held.
    pub(super) async fn empty(&self) {
        let empty = |state: &State| state.seats == 0 && state.inboxes.is_empty();
        self.state.until(empty).await;
    }

    /// How many messages are held back.
    pub(super) fn held(&self) -> usize {
        self.state.lock().seats
    }
}

impl Lane {
    /// All that came since the last time, in its order.
    pub(super) fn inbox(&self) -> Vec<Held> {
        let mut state = self.shared.lock();
        let inbox = state.inboxes.get_mut(&self.key);
        inbox.map(std::mem::take).unwrap_or_default()
    }

    /// Ends the lane, unless something came meanwhile.
    pub(super) fn close(&mut self) -> bool {
        let mut state = self.shared.lock();
        if state.inboxes.get(&self.key).is_none_or(Vec::is_empty) {
            state.inboxes.remove(&self.key);
            self.closed = true;
        }
        self.closed
    }

    /// Takes a seat for a message of this lane that waits.
    pub(super) fn seat(&self, incoming: &Incoming) -> Seat {
        let mut state = self.shared.lock();
        self.shared.take_seat(&mut state, incoming)
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        if !self.closed {
            let given_back = self.shared.lock().inboxes.remove(&self.key);
            drop(given_back);
        }
        self.shared.changed.notify_waiters();
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.seats -= 1;
        state.bytes -= self.bytes;
        drop(state);
        self.shared.changed.notify_waiters();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    fn take_seat(self: &Arc<Self>, state: &mut State, incoming: &Incoming) -> Seat {
        let message = &incoming.message;
        let metadata = message.metadata.iter();
        let metadata: usize = metadata.map(|(key, value)| key.len() + value.len()).sum();
        let bytes = message.data.len() + metadata;
        state.seats += 1;
        state.bytes += bytes;
        Seat {
            shared: self.clone(),
            bytes,
        }
    }

    async fn until(&self, holds: impl Fn(&State) -> bool) {
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
