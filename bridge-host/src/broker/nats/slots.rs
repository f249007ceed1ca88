//! How many of a subscription's messages are out in this process, and how many
//! more to ask the server for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::origin::Origin;
use super::progress::{Progress, Standing};
use super::retry_room::RetryRoom;

/// Slots that turn over within this time are worth fetching ahead for.
const QUICK: Duration = Duration::from_millis(250);

/// The places in flight of one subscription in this process.
pub(super) struct Slots {
    capacity: usize,
    ahead: usize,
    state: Mutex<State>,
    /// There may be enough to ask for.
    pub(super) freed: Notify,
    /// How many may wait at the server for their retry.
    pub(super) retries: RetryRoom,
}

struct State {
    held: usize,
    /// Once no more than these are held, there may be enough to ask for.
    enough: usize,
    /// As many as there are places were settled quickly, the last time.
    quick: bool,
    /// When that was.
    since: Instant,
    /// How many were settled since.
    settled: usize,
    progress: Progress,
}

impl Slots {
    /// As many as are in flight at once. With order, nothing is fetched ahead.
    pub(super) fn new(in_flight: usize, ordered: bool) -> Arc<Self> {
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
                progress: Progress::default(),
            }),
            freed: Notify::new(),
            retries: RetryRoom::new(),
        })
    }

    /// How many to ask for, at most `largest`, where so many were asked for that are
    /// not here yet:
    /// one for each free slot, and half as many again where slots are free again
    /// at once. A request costs as much as a message: a few slots are waited for,
    /// unless nothing else will come.
    pub(super) fn batch(&self, requested: usize, largest: usize) -> Option<usize> {
        let mut state = self.lock();
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

    /// One of those held waits for others here: its slot is free meanwhile.
    pub(super) fn lend(&self) {
        let mut state = self.lock();
        state.held -= 1;
        let enough = state.held <= state.enough;
        drop(state);
        if enough {
            self.freed.notify_one();
        }
    }

    /// It takes its slot again.
    pub(super) fn take_back(&self) {
        self.lock().held += 1;
    }

    /// The most that are in flight or fetched here.
    pub(super) fn most(&self) -> usize {
        self.capacity + self.ahead
    }

    /// How many are in flight or fetched here.
    pub(super) fn held(&self) -> usize {
        self.lock().held
    }

    pub(super) fn take(&self, origin: &Origin) {
        let mut state = self.lock();
        state.held += 1;
        state.progress.took(origin);
    }

    /// The message with this number has no slot any more; `acknowledged`, it
    /// does not come again.
    pub(super) fn free(&self, sequence: u64, acknowledged: bool) {
        let mut state = self.lock();
        if acknowledged {
            state.progress.acknowledged(sequence);
        }
        state.held -= 1;
        state.settled += 1;
        let mut enough = state.held <= state.enough;
        if state.settled >= self.capacity {
            let now = Instant::now();
            let quick = now - state.since < QUICK;
            // More are fetched from now on.
            enough |= quick && !state.quick;
            (state.quick, state.since, state.settled) = (quick, now, 0);
        }
        drop(state);
        if enough {
            self.freed.notify_one();
        }
    }

    /// What the server says of the consumer.
    pub(super) fn told(&self, standing: Standing) {
        self.lock().progress.told(standing);
    }

    /// All messages up to this number were acknowledged.
    pub(super) fn floor(&self) -> u64 {
        self.lock().progress.floor()
    }

    /// The consumer is another, of another stream.
    pub(super) fn begin_anew(&self) {
        self.lock().progress = Progress::default();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use futures_util::FutureExt;

    use super::*;

    const ORIGIN: Origin = Origin {
        sequence: 1,
        delivered: 1,
        of_consumer: 1,
        published: UNIX_EPOCH,
    };

    /// Full, with nothing on the way.
    fn full(capacity: usize, ordered: bool) -> Arc<Slots> {
        let slots = Slots::new(capacity, ordered);
        assert_eq!(slots.batch(0, 512), Some(capacity));
        (0..capacity).for_each(|_| slots.take(&ORIGIN));
        assert_eq!(slots.batch(0, 512), None);
        slots
    }

    #[tokio::test]
    async fn a_few_are_waited_for_while_others_come() {
        let slots = Slots::new(8, false);
        assert_eq!(slots.batch(8, 512), None);
        assert_eq!(slots.batch(7, 512), None);
        assert_eq!(slots.batch(6, 512), Some(2));
        let slots = full(8, false);
        slots.free(1, true);
        assert_eq!(slots.batch(0, 512), Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn quick_ones_are_asked_for_ahead() {
        for (ordered, expected) in [(false, 12), (true, 8)] {
            let slots = full(8, ordered);
            (0..8).for_each(|_| slots.free(1, true));
            assert_eq!(slots.batch(0, 512), Some(expected));
            tokio::time::advance(QUICK).await;
            assert_eq!(slots.batch(0, 512), Some(8), "and then no more");
            let slots = full(8, ordered);
            tokio::time::advance(QUICK).await;
            (0..8).for_each(|_| slots.free(1, true));
            assert_eq!(slots.batch(0, 512), Some(8), "these took long");
        }
    }

    #[tokio::test]
    async fn whoever_asks_is_woken_when_there_is_enough() {
        let slots = full(8, false);
        assert_eq!(slots.batch(4, 512), None);
        (0..5).for_each(|_| slots.free(1, true));
        assert!(slots.freed.notified().now_or_never().is_none());
        slots.free(1, true);
        assert!(slots.freed.notified().now_or_never().is_some());
        assert_eq!(slots.batch(4, 512), Some(2));
    }
}
