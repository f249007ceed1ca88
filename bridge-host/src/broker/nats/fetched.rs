//! Messages that came from JetStream and wait here for someone to take them.
//! Their leases are kept meanwhile: that may be long, while an endpoint is left
//! alone.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::receipt::JetStreamReceipt;

/// The server gives redeliveries before new messages. So many of them wait here
/// without a slot, so that the others are fetched all the same.
const MOST_LENT: usize = 1024;

/// A message, and the right to settle it.
pub(super) struct Pulled {
    pub(super) message: async_nats::Message,
    pub(super) receipt: JetStreamReceipt,
    /// `None` for one that came as it should.
    pub(super) unread: Option<Box<Unread>>,
}

/// What is known of a message that the client could not read.
pub(super) struct Unread {
    /// Why not.
    pub(super) fault: &'static str,
    /// All of its headers.
    pub(super) headers: String,
}

/// Those that wait. Dropped, it gives them back.
#[derive(Default)]
pub(super) struct Fetched {
    waiting: Mutex<Waiting>,
    came: Notify,
}

#[derive(Default)]
struct Waiting {
    /// The first one first.
    fresh: VecDeque<Pulled>,
    /// Those that were given to someone before.
    again: VecDeque<Pulled>,
    /// Where there is both, they take turns.
    gave_again: bool,
}

impl Waiting {
    fn next(&mut self, only_fresh: bool) -> Option<Pulled> {
        let again = !self.again.is_empty() && !only_fresh;
        let next = match again && (self.fresh.is_empty() || !self.gave_again) {
            true => self.again.pop_front(),
            false => self.fresh.pop_front(),
        };
        self.gave_again = again && !self.gave_again;
        let mut next = next?;
        next.receipt.take_slot();
        Some(next)
    }
}

impl Fetched {
    pub(super) fn put(&self, pulled: Pulled) {
        let mut pulled = pulled;
        let mut waiting = self.lock();
        match pulled.receipt.is_again() {
            true => {
                if waiting.again.len() < MOST_LENT {
                    pulled.receipt.lend_slot();
                }
                waiting.again.push_back(pulled);
            }
            false => waiting.fresh.push_back(pulled),
        }
        drop(waiting);
        self.came.notify_one();
    }

    /// Waits for the next one, or for the next that nobody had before. For one
    /// caller at a time.
    pub(super) async fn next(&self, only_fresh: bool) -> Pulled {
        loop {
            let next = self.lock().next(only_fresh);
            match next {
                Some(pulled) => return pulled,
                None => self.came.notified().await,
            }
        }
    }

    /// Begins the leases of those here anew, where a part of them is over.
    pub(super) fn keep(&self) {
        let waiting = &mut *self.lock();
        let all = waiting.fresh.iter_mut().chain(&mut waiting.again);
        for pulled in all {
            pulled.receipt.keep();
        }
    }

    /// Gives back those here.
    pub(super) fn give_back(&self) {
        *self.lock() = Waiting::default();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
