//! Trouble that only shows when an operation is tried: it counts for a while, or until the operation succeeds.
//! Trouble of the connection itself is `link_state`.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Trouble counts for this long after it was seen.
const RECENT: Duration = Duration::from_secs(30);

/// The last time that the trouble was seen, and what it was.
#[derive(Default)]
pub struct RecentTrouble {
    is_told: AtomicBool,
    seen: Mutex<Option<(Instant, String)>>,
}

impl RecentTrouble {
    /// Records the trouble. It is logged once.
    pub fn saw(&self, connection: &str, what: String) {
        if !self.is_told.swap(true, Relaxed) {
            tracing::warn!(connection, "not ready: {what}");
        }
        *self.lock() = Some((Instant::now(), what));
    }

    /// The operation succeeded: `end` is logged, where there was trouble.
    pub fn is_over(&self, connection: &str, end: &str) {
        if self.is_told.load(Relaxed) && self.is_told.swap(false, Relaxed) {
            *self.lock() = None;
            tracing::info!(connection, "{end}");
        }
    }

    /// Returns the trouble, while it counts.
    pub fn get(&self) -> Option<String> {
        if !self.is_told.load(Relaxed) {
            return None;
        }
        let seen = self.lock();
        let recent = seen.as_ref().filter(|(at, _)| at.elapsed() < RECENT);
        recent.map(|(_, what)| what.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Instant, String)>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
