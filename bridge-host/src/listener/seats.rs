//! The connections of one listener: how many there are, which of them is idle,
//! and which makes room when there are too many.

use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::heads::{Heads, charge};

/// A request is under way.
const BUSY: u64 = u64::MAX;
/// The connection is told to close.
const EVICTED: u64 = u64::MAX - 1;

/// All connections of one listener.
pub(super) struct Seats {
    max: usize,
    /// So many more for requests that are answered whatever the others do.
    extra: usize,
    began: Instant,
    next: AtomicU64,
    all: Mutex<HashMap<u64, Arc<Seat>>>,
    /// A seat was given back.
    pub(super) left: Notify,
    pub(super) heads: Heads,
}

/// One connection. What changes with each request is atomic: a request takes no
/// lock.
pub(super) struct Seat {
    number: u64,
    /// Beyond the regular number.
    pub(super) is_extra: bool,
    /// Milliseconds after the listener's start since when the connection has
    /// no request under way; or [`BUSY`], or [`EVICTED`].
    idle_since: AtomicU64,
    /// Bytes of the head of its request that were read so far.
    head: AtomicU64,
    /// Bytes charged for it.
    charged: AtomicU64,
    evicted: Notify,
}

impl Seats {
    pub(super) fn new(max: usize, extra: usize, max_heads: u64) -> Self {
        Self {
            max,
            extra,
            began: Instant::now(),
            next: AtomicU64::new(0),
            all: Mutex::default(),
            left: Notify::new(),
            heads: Heads::new(max_heads),
        }
    }

    /// A seat for a new connection; the connection that is idle for the longest
    /// time makes room for it. `None` while all of them are busy.
    pub(super) fn take(&self) -> Option<Arc<Seat>> {
        let mut all = self.lock();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let is_extra = all.values().filter(|seat| seat.counts(false)).count() >= self.max
            && evict(&all, |seat| !seat.is_extra).is_none();
        if is_extra {
            let extra = all.values().filter(|seat| seat.counts(true)).count();
            if extra >= self.extra {
                evict(&all, |seat| seat.is_extra)?;
            }
        }
        let seat = Arc::new(Seat {
            number,
            is_extra,
            idle_since: AtomicU64::new(self.now()),
            head: AtomicU64::new(0),
            charged: AtomicU64::new(0),
            evicted: Notify::new(),
        });
        all.insert(number, seat.clone());
        Some(seat)
    }

    /// Closes the connection that has been idle the longest, if it has been idle for
    /// at least `idle`. Returns whether a connection was closed.
    pub(super) fn make_room(&self, idle: Duration) -> bool {
        let idle = u64::try_from(idle.as_millis()).unwrap_or(u64::MAX);
        let since = self.now().checked_sub(idle);
        let is_idle = |seat: &Seat| since >= Some(seat.idle_since.load(Ordering::Relaxed));
        evict(&self.lock(), is_idle).is_some()
    }

    /// Gives the seat back.
    pub(super) fn leave(&self, seat: &Seat) {
        self.lock().remove(&seat.number);
        self.heads.give_back(seat.charged.load(Ordering::Relaxed));
        self.left.notify_one();
    }

    /// Notes that so much more of a head was read. The connection whose
    /// unfinished head is the oldest makes room; `false` where there is none.
    pub(super) fn read(&self, seat: &Seat, bytes: u64) -> bool {
        let head = seat.head.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let charged = seat.charged.load(Ordering::Relaxed);
        let more = charge(head).saturating_sub(charged);
        while !self.heads.take(more) {
            let holds = |other: &Seat| other.number != seat.number && other.holds();
            let Some(other) = evict(&self.lock(), holds) else {
                return false;
            };
            self.heads
                .give_back(other.charged.swap(0, Ordering::Relaxed));
        }
        seat.charged.fetch_add(more, Ordering::Relaxed);
        true
    }

    /// Ends the request of a connection.
    pub(super) fn rest(&self, seat: &Seat) {
        self.heads
            .give_back(seat.charged.swap(0, Ordering::Relaxed));
        seat.head.store(0, Ordering::Relaxed);
        seat.idle_since.store(self.now(), Ordering::Release);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(EVICTED - 1)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Seat>>> {
        self.all.lock()
    }
}

impl Seat {
    /// Begins a request; `false` where the connection was told to close.
    pub(super) fn begin(&self) -> bool {
        let since = self.idle_since.load(Ordering::Acquire);
        let (set, get) = (Ordering::AcqRel, Ordering::Relaxed);
        since != EVICTED
            && self
                .idle_since
                .compare_exchange(since, BUSY, set, get)
                .is_ok()
    }

    /// Whether its head is being read.
    pub(super) fn is_idle(&self) -> bool {
        self.idle_since.load(Ordering::Relaxed) < EVICTED
    }

    /// Completes once the connection is told to close.
    pub(super) async fn evicted(&self) {
        self.evicted.notified().await;
    }

    fn counts(&self, is_extra: bool) -> bool {
        self.is_extra == is_extra && self.idle_since.load(Ordering::Relaxed) != EVICTED
    }

    fn holds(&self) -> bool {
        self.charged.load(Ordering::Relaxed) > 0
    }
}

/// Tells the one that is idle for the longest time to close. A request that
/// begins meanwhile is faster, or is not begun.
fn evict(all: &HashMap<u64, Arc<Seat>>, among: impl Fn(&Seat) -> bool) -> Option<Arc<Seat>> {
    loop {
        let idle = all.values().filter_map(|seat| {
            let since = seat.idle_since.load(Ordering::Relaxed);
            (since < EVICTED && among(seat)).then_some((since, seat.number, seat))
        });
        let (since, _, seat) = idle.min_by_key(|(since, number, _)| (*since, *number))?;
        let (set, get) = (Ordering::AcqRel, Ordering::Relaxed);
        let told = seat
            .idle_since
            .compare_exchange(since, EVICTED, set, get)
            .is_ok();
        if told {
            seat.evicted.notify_one();
            return Some(seat.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::heads::FREE;
    use super::*;

    fn is_evicted(seat: &Seat) -> bool {
        seat.idle_since.load(Ordering::Relaxed) == EVICTED
    }

    #[test]
    fn the_oldest_idle_one_makes_room() {
        let seats = Seats::new(2, 1, 0);
        let first = seats.take().unwrap();
        let second = seats.take().unwrap();
        assert!(first.begin());
        let third = seats.take().unwrap();
        assert!(is_evicted(&second) && !second.begin() && !third.is_extra);
        assert!(third.begin());
        // All are busy: what is left is for the operator.
        let extra = seats.take().unwrap();
        assert!(extra.is_extra && extra.begin());
        assert!(seats.take().is_none());
        seats.rest(&extra);
        assert!(seats.take().unwrap().is_extra && is_evicted(&extra));
        seats.leave(&first);
        assert!(!seats.take().unwrap().is_extra);
    }

    #[test]
    fn the_oldest_unfinished_head_makes_room() {
        let seats = Seats::new(9, 0, 10);
        let (first, second) = (seats.take().unwrap(), seats.take().unwrap());
        assert!(seats.read(&first, FREE + 3) && seats.read(&second, FREE + 2));
        assert!(seats.read(&second, 1) && is_evicted(&first));
        assert!(second.begin());
        let third = seats.take().unwrap();
        assert!(!seats.read(&third, FREE + 3), "the second has its request");
        seats.rest(&second);
        assert!(seats.read(&second, FREE), "another request begins anew");
        assert!(seats.read(&third, 1) && !is_evicted(&second));
        seats.leave(&first);
        seats.leave(&third);
        assert!(seats.heads.take(10));
    }
}
