//! The connections of one listener: their number, which ones are idle, and which one is closed when
//! there are too many.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::head_memory::{HeadMemory, charge};

/// The value of `idle_since` while a request is in progress.
const BUSY: u64 = u64::MAX;
/// The value of `idle_since` once the connection has to close.
const EVICTED: u64 = u64::MAX - 1;

/// All connections of one listener.
pub(super) struct ConnectionTable {
    max: usize,
    /// How many connections beyond `max` are accepted, for requests that must be answered even when
    /// all others are busy.
    extra: usize,
    began: Instant,
    next: AtomicU64,
    all: Mutex<HashMap<u64, Arc<ConnectionEntry>>>,
    /// Notified when a connection has ended.
    pub(super) ended: Notify,
    pub(super) heads: HeadMemory,
}

/// One connection. The fields that change with each request are atomic, so a request takes no lock.
pub(super) struct ConnectionEntry {
    number: u64,
    /// Whether the connection is beyond the regular number.
    pub(super) is_extra: bool,
    /// When the connection became idle, in milliseconds since the listener started; or [`BUSY`], or
    /// [`EVICTED`].
    idle_since: AtomicU64,
    /// How many bytes of the current request's head were read.
    head: AtomicU64,
    /// How many bytes are charged for the head.
    charged: AtomicU64,
    evicted: Notify,
}

impl ConnectionTable {
    pub(super) fn new(max: usize, extra: usize, max_heads: u64) -> Self {
        Self {
            max,
            extra,
            began: Instant::now(),
            next: AtomicU64::new(0),
            all: Mutex::default(),
            ended: Notify::new(),
            heads: HeadMemory::new(max_heads),
        }
    }

    /// Adds a new connection. If there are too many, it evicts the one that has been idle the
    /// longest. Returns `None` while all of them are busy.
    pub(super) fn take(&self) -> Option<Arc<ConnectionEntry>> {
        let mut all = self.all.lock();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let is_extra = all.values().filter(|entry| entry.counts(false)).count() >= self.max
            && evict(&all, |entry| !entry.is_extra).is_none();
        if is_extra {
            let extra = all.values().filter(|entry| entry.counts(true)).count();
            if extra >= self.extra {
                evict(&all, |entry| entry.is_extra)?;
            }
        }
        let entry = Arc::new(ConnectionEntry {
            number,
            is_extra,
            idle_since: AtomicU64::new(self.now()),
            head: AtomicU64::new(0),
            charged: AtomicU64::new(0),
            evicted: Notify::new(),
        });
        all.insert(number, entry.clone());
        Some(entry)
    }

    /// Closes the connection that has been idle the longest, if it has been idle for at least
    /// `idle`. Returns whether a connection was closed.
    pub(super) fn make_room(&self, idle: Duration) -> bool {
        let idle = u64::try_from(idle.as_millis()).unwrap_or(u64::MAX);
        let since = self.now().checked_sub(idle);
        let is_idle =
            |entry: &ConnectionEntry| since >= Some(entry.idle_since.load(Ordering::Relaxed));
        evict(&self.all.lock(), is_idle).is_some()
    }

    /// Removes a connection that has ended.
    pub(super) fn remove(&self, entry: &ConnectionEntry) {
        self.all.lock().remove(&entry.number);
        self.heads.give_back(entry.charged.load(Ordering::Relaxed));
        self.ended.notify_one();
    }

    /// Counts bytes of a head that were read. If the memory for heads is used up, it evicts the
    /// connection with the oldest unfinished head. Returns `false` if there is no such connection.
    pub(super) fn read(&self, entry: &ConnectionEntry, bytes: u64) -> bool {
        let head = entry.head.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let charged = entry.charged.load(Ordering::Relaxed);
        let more = charge(head).saturating_sub(charged);
        while !self.heads.take(more) {
            let holds = |other: &ConnectionEntry| other.number != entry.number && other.holds();
            let Some(other) = evict(&self.all.lock(), holds) else {
                return false;
            };
            self.heads
                .give_back(other.charged.swap(0, Ordering::Relaxed));
        }
        entry.charged.fetch_add(more, Ordering::Relaxed);
        true
    }

    /// Ends the request of a connection.
    pub(super) fn end_request(&self, entry: &ConnectionEntry) {
        self.heads
            .give_back(entry.charged.swap(0, Ordering::Relaxed));
        entry.head.store(0, Ordering::Relaxed);
        entry.idle_since.store(self.now(), Ordering::Release);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(EVICTED - 1)
    }
}

impl ConnectionEntry {
    /// Begins a request. Returns `false` if the connection has to close.
    pub(super) fn begin(&self) -> bool {
        let since = self.idle_since.load(Ordering::Acquire);
        let (set, get) = (Ordering::AcqRel, Ordering::Relaxed);
        since != EVICTED
            && self
                .idle_since
                .compare_exchange(since, BUSY, set, get)
                .is_ok()
    }

    /// Returns whether the connection waits for a request, or is reading its head.
    pub(super) fn is_idle(&self) -> bool {
        self.idle_since.load(Ordering::Relaxed) < EVICTED
    }

    /// Completes when the connection has to close.
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

/// Evicts the connection that has been idle the longest. If its next request begins first, tries
/// another one.
fn evict(
    all: &HashMap<u64, Arc<ConnectionEntry>>,
    among: impl Fn(&ConnectionEntry) -> bool,
) -> Option<Arc<ConnectionEntry>> {
    loop {
        let idle = all.values().filter_map(|entry| {
            let since = entry.idle_since.load(Ordering::Relaxed);
            (since < EVICTED && among(entry)).then_some((since, entry.number, entry))
        });
        let (since, _, entry) = idle.min_by_key(|(since, number, _)| (*since, *number))?;
        let (set, get) = (Ordering::AcqRel, Ordering::Relaxed);
        let is_evicted = entry
            .idle_since
            .compare_exchange(since, EVICTED, set, get)
            .is_ok();
        if is_evicted {
            entry.evicted.notify_one();
            return Some(entry.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::head_memory::FREE;
    use super::*;

    fn is_evicted(entry: &ConnectionEntry) -> bool {
        entry.idle_since.load(Ordering::Relaxed) == EVICTED
    }

    #[test]
    fn the_connection_idle_the_longest_is_evicted() {
        let table = ConnectionTable::new(2, 1, 0);
        let first = table.take().unwrap();
        let second = table.take().unwrap();
        assert!(first.begin());
        let third = table.take().unwrap();
        assert!(is_evicted(&second) && !second.begin() && !third.is_extra);
        assert!(third.begin());
        // All connections are busy: only an extra one is accepted.
        let extra = table.take().unwrap();
        assert!(extra.is_extra && extra.begin());
        assert!(table.take().is_none());
        table.end_request(&extra);
        assert!(table.take().unwrap().is_extra && is_evicted(&extra));
        table.remove(&first);
        assert!(!table.take().unwrap().is_extra);
    }

    #[test]
    fn the_connection_with_the_oldest_head_is_evicted() {
        let table = ConnectionTable::new(9, 0, 10);
        let (first, second) = (table.take().unwrap(), table.take().unwrap());
        assert!(table.read(&first, FREE + 3) && table.read(&second, FREE + 2));
        assert!(table.read(&second, 1) && is_evicted(&first));
        assert!(second.begin());
        let third = table.take().unwrap();
        assert!(!table.read(&third, FREE + 3), "the second has its request");
        table.end_request(&second);
        assert!(table.read(&second, FREE), "another request begins anew");
        assert!(table.read(&third, 1) && !is_evicted(&second));
        table.remove(&first);
        table.remove(&third);
        assert!(table.heads.take(10));
    }
}
