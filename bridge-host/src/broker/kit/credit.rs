//! Credit: how many messages of a subscription this process holds, and how many more to ask the server for.
//! Each broker requests the messages itself; permits for attempts are in `delivery`.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Fetching ahead is worthwhile if all slots turn over within this time.
const QUICK: Duration = Duration::from_millis(250);

/// The slots for messages of one subscription in this process.
pub struct Credit {
    capacity: usize,
    ahead: usize,
    state: Mutex<State>,
    /// Notified when there may be enough free slots to request messages.
    pub freed: Notify,
}

struct State {
    held: usize,
    /// When at most this many slots are held, enough slots may be free for a request.
    enough: usize,
    /// Whether the last round, of as many messages as there are slots, was settled quickly.
    quick: bool,
    /// When that round ended.
    since: Instant,
    /// How many messages were settled since then.
    settled: usize,
}

impl Credit {
    /// Creates one slot for each message that may be in flight. With order, nothing
    /// is fetched ahead.
    pub fn new(in_flight: usize, ordered: bool) -> Arc<Self> {
        let capacity = in_flight.max(1);
        Arc::new(Self {
            capacity,
            ahead: if ordered { 0 } else { capacity / 2 },
            state: Mutex::new(State {
                held: 0,
                enough: 0,
                quick: false,
                since: Instant::now(),
                settled: 0,
            }),
            freed: Notify::new(),
        })
    }

    /// Returns how many messages to request, at most `largest`, while `requested`
    /// messages are in transit: one for each free slot, and half as many again if
    /// slots turn over quickly. A request costs as much as a message, so the
    /// request waits until a few slots are free, unless nothing is in transit.
    pub fn batch(&self, requested: usize, largest: usize) -> Option<usize> {
        let mut state = self.state.lock();
        let quick = state.quick && state.since.elapsed() < QUICK;
        let most = self.capacity + if quick { self.ahead } else { 0 };
        let few = match requested {
            0 => 1,
            _ => self.capacity.div_ceil(4),
        };
        let free = most.saturating_sub(state.held + requested);
        state.enough = most.saturating_sub(requested + few);
        (free >= few).then_some(free.min(largest))
    }

    /// Lends the slot of a message that waits in this process to another message.
    pub fn lend(&self) {
        let mut state = self.state.lock();
        state.held -= 1;
        let enough = state.held <= state.enough;
        drop(state);
        if enough {
            self.freed.notify_one();
        }
    }

    /// Takes a lent slot back.
    pub fn take_back(&self) {
        self.state.lock().held += 1;
    }

    /// Returns the most messages that can be in flight or fetched here.
    pub fn most(&self) -> usize {
        self.capacity + self.ahead
    }

    /// Returns how many messages are in flight or fetched here.
    pub fn held(&self) -> usize {
        self.state.lock().held
    }

    /// Takes a slot for a message that arrived.
    pub fn take(&self) {
        self.state.lock().held += 1;
    }

    /// Frees the slot of a message that was settled or given back.
    pub fn free(&self) {
        let mut state = self.state.lock();
        state.held -= 1;
        state.settled += 1;
        let mut enough = state.held <= state.enough;
        if state.settled >= self.capacity {
            let now = Instant::now();
            let quick = now - state.since < QUICK;
            // More messages are fetched ahead from now on.
            enough |= quick && !state.quick;
            (state.quick, state.since, state.settled) = (quick, now, 0);
        }
        drop(state);
        if enough {
            self.freed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    /// All slots are held, and no message is in transit.
    fn full(capacity: usize, ordered: bool) -> Arc<Credit> {
        let slots = Credit::new(capacity, ordered);
        assert_eq!(slots.batch(0, 512), Some(capacity));
        (0..capacity).for_each(|_| slots.take());
        assert_eq!(slots.batch(0, 512), None);
        slots
    }

    #[tokio::test]
    async fn a_request_waits_for_several_free_slots() {
        let slots = Credit::new(8, false);
        assert_eq!(slots.batch(8, 512), None);
        assert_eq!(slots.batch(7, 512), None);
        assert_eq!(slots.batch(6, 512), Some(2));
        let slots = full(8, false);
        slots.free();
        assert_eq!(slots.batch(0, 512), Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn fast_turnover_fetches_ahead() {
        for (ordered, expected) in [(false, 12), (true, 8)] {
            let slots = full(8, ordered);
            (0..8).for_each(|_| slots.free());
            assert_eq!(slots.batch(0, 512), Some(expected));
            tokio::time::advance(QUICK).await;
            assert_eq!(slots.batch(0, 512), Some(8), "and then no more");
            let slots = full(8, ordered);
            tokio::time::advance(QUICK).await;
            (0..8).for_each(|_| slots.free());
            assert_eq!(slots.batch(0, 512), Some(8), "these took long");
        }
    }

    #[tokio::test]
    async fn the_puller_wakes_when_enough_slots_are_free() {
        let slots = full(8, false);
        assert_eq!(slots.batch(4, 512), None);
        (0..5).for_each(|_| slots.free());
        assert!(slots.freed.notified().now_or_never().is_none());
        slots.free();
        assert!(slots.freed.notified().now_or_never().is_some());
        assert_eq!(slots.batch(4, 512), Some(2));
    }
}
