//! Messages that came from JetStream and wait here for someone to take them.
//! Their leases are kept meanwhile: that may be long, while an endpoint is left
//! alone.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::receipt::JetStreamReceipt;

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

/// Those that wait, the first one first. Dropped, it gives them back.
#[derive(Default)]
pub(super) struct Fetched {
    waiting: Mutex<VecDeque<Pulled>>,
    came: Notify,
}

impl Fetched {
    pub(super) fn put(&self, pulled: Pulled) {
        self.lock().push_back(pulled);
        self.came.notify_one();
    }

    /// Waits for the next one. For one caller at a time.
    pub(super) async fn next(&self) -> Pulled {
        loop {
            let next = self.lock().pop_front();
            match next {
                Some(pulled) => return pulled,
                None => self.came.notified().await,
            }
        }
    }

    /// Begins the leases of those here anew, where a part of them is over.
    pub(super) fn keep(&self) {
        for pulled in self.lock().iter_mut() {
            pulled.receipt.keep();
        }
    }

    /// Gives back those here.
    pub(super) fn give_back(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Pulled>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
