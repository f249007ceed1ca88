//! A trouble that is only seen when something is tried: it counts for a while,
//! or until the same goes well.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What was seen no longer ago counts.
const RECENT: Duration = Duration::from_secs(30);

/// The last time that it was seen, and what.
#[derive(Default)]
pub(super) struct Recent {
    is_told: AtomicBool,
    seen: Mutex<Option<(Instant, String)>>,
}

impl Recent {
    /// It was seen. Told once.
    pub(super) fn saw(&self, connection: &str, what: String) {
        if !self.is_told.swap(true, Relaxed) {
            tracing::warn!(connection, "not ready: {what}");
        }
        *self.lock() = Some((Instant::now(), what));
    }

    /// The same went well.
    pub(super) fn is_over(&self, connection: &str) {
        if self.is_told.load(Relaxed) && self.is_told.swap(false, Relaxed) {
            *self.lock() = None;
            tracing::info!(connection, "JetStream has room again");
        }
    }

    /// What it is, while it counts.
    pub(super) fn get(&self) -> Option<String> {
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
