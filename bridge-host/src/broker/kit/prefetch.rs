//! Fetched messages that wait in this process for a permit. Their leases are extended meanwhile,
//! because the wait may be long, for example at an open circuit breaker. Each broker fetches them itself.

use std::collections::VecDeque;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::receipt::{Lease, LeasedReceipt};

/// A server may deliver redeliveries before new messages. This many redeliveries wait
/// here without a slot, so that new messages are fetched, too.
const MOST_LENT: usize = 1024;

/// A fetched message as its server sent it, and the right to settle it.
pub struct Fetched<R, L: Lease> {
    /// The message, as the broker's client returns it.
    pub raw: R,
    /// The receipt that settles it.
    pub receipt: LeasedReceipt<L>,
}

/// The waiting messages. When it is dropped, it gives them back.
pub struct Prefetch<R, L: Lease> {
    waiting: Mutex<KeyedMessage<R, L>>,
    came: Notify,
}

struct KeyedMessage<R, L: Lease> {
    /// New messages, the oldest first.
    fresh: VecDeque<Fetched<R, L>>,
    /// Messages that were delivered to a host before.
    again: VecDeque<Fetched<R, L>>,
    /// If both wait, new messages and redeliveries take turns.
    gave_again: bool,
}

impl<R, L: Lease> Default for KeyedMessage<R, L> {
    fn default() -> Self {
        Self {
            fresh: VecDeque::new(),
            again: VecDeque::new(),
            gave_again: false,
        }
    }
}

impl<R, L: Lease> KeyedMessage<R, L> {
    fn next(&mut self, only_fresh: bool) -> Option<Fetched<R, L>> {
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

impl<R, L: Lease> Default for Prefetch<R, L> {
    fn default() -> Self {
        Self {
            waiting: Mutex::default(),
            came: Notify::new(),
        }
    }
}

impl<R, L: Lease> Prefetch<R, L> {
    /// Adds a message.
    pub fn put(&self, mut fetched: Fetched<R, L>) {
        let mut waiting = self.waiting.lock();
        match fetched.receipt.lease.is_redelivery() {
            true => {
                if waiting.again.len() < MOST_LENT {
                    fetched.receipt.lend_slot();
                }
                waiting.again.push_back(fetched);
            }
            false => waiting.fresh.push_back(fetched),
        }
        drop(waiting);
        self.came.notify_one();
    }

    /// Waits for the next message, or for the next one that no host had before.
    /// Only one caller may wait at a time.
    pub async fn next(&self, only_fresh: bool) -> Fetched<R, L> {
        loop {
            let next = self.waiting.lock().next(only_fresh);
            match next {
                Some(fetched) => return fetched,
                None => self.came.notified().await,
            }
        }
    }

    /// Returns how many redeliveries wait here.
    pub fn redeliveries(&self) -> usize {
        self.waiting.lock().again.len()
    }

    /// Extends the leases of the waiting messages that are partly over.
    pub fn extend_leases(&self) {
        let waiting = &mut *self.waiting.lock();
        let all = waiting.fresh.iter_mut().chain(&mut waiting.again);
        for fetched in all {
            fetched.receipt.extend_if_due();
        }
    }

    /// Gives the waiting messages back.
    pub fn give_back(&self) {
        let waiting = std::mem::take(&mut *self.waiting.lock());
        drop(waiting);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::credit::Credit;
    use super::super::receipt::tests::Noted;
    use super::*;

    fn put(prefetch: &Prefetch<u32, Noted>, credit: &Arc<Credit>, raw: u32, again: bool) {
        let lease = Noted {
            again,
            length: Duration::from_secs(60),
            ..Noted::default()
        };
        let receipt = LeasedReceipt::new(lease, Arc::clone(credit));
        prefetch.put(Fetched { raw, receipt });
    }

    #[tokio::test]
    async fn redelivered_messages_take_turns_with_new_ones_and_hold_no_slot_while_they_wait() {
        let (prefetch, credit) = (Prefetch::default(), Credit::new(8, false));
        for (raw, again) in [(1, true), (2, true), (3, true), (10, false), (11, false)] {
            put(&prefetch, &credit, raw, again);
        }
        assert_eq!((credit.held(), prefetch.redeliveries()), (2, 3));
        let mut order = Vec::new();
        for only_fresh in [false, false, true, false] {
            order.push(prefetch.next(only_fresh).await.raw);
        }
        assert_eq!(order, [1, 10, 11, 2]);
        assert_eq!(credit.held(), 0);
        prefetch.give_back();
        assert_eq!(prefetch.redeliveries(), 0);
    }
}
