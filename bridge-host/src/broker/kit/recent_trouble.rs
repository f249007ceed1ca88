//! A problem that shows only when an operation is tried: it is reported for a while, or until the operation succeeds.
//! Problems of the connection itself are in `connection_state`.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// A problem is reported for this long after it was last seen.
const RECENT: Duration = Duration::from_secs(30);

/// The problem, and when it was last seen.
#[derive(Default)]
pub struct RecentTrouble {
    is_told: AtomicBool,
    seen: Mutex<Option<(Instant, String)>>,
}

impl RecentTrouble {
    /// Records the problem, and logs it once.
    pub fn raise(&self, connection: &str, what: String) {
        if !self.is_told.swap(true, Relaxed) {
            tracing::warn!(connection, "not ready: {what}");
        }
        *self.seen.lock() = Some((Instant::now(), what));
    }

    /// Records that the operation succeeded, and logs `end` if there was a problem.
    pub fn clear(&self, connection: &str, end: &str) {
        if self.is_told.load(Relaxed) && self.is_told.swap(false, Relaxed) {
            *self.seen.lock() = None;
            tracing::info!(connection, "{end}");
        }
    }

    /// Returns the problem while it is reported.
    pub fn get(&self) -> Option<String> {
        if !self.is_told.load(Relaxed) {
            return None;
        }
        let seen = self.seen.lock();
        let recent = seen.as_ref().filter(|(at, _)| at.elapsed() < RECENT);
        recent.map(|(_, what)| what.clone())
    }
}
