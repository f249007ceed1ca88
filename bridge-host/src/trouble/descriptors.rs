//! The limit on open files, and how it is shared out: connections to endpoints
//! must leave some for the intake, the store and the brokers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use rustix::process::{Resource, getrlimit, setrlimit};

/// More than any process opens: for systems that set no limit.
const MANY: u64 = 1 << 20;

/// Raises the soft limit to the hard one; where the system refuses, the limit
/// stays as it is.
pub fn raise_limit() {
    let mut limits = getrlimit(Resource::Nofile);
    if limits.current != limits.maximum {
        limits.current = limits.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limits) {
            tracing::debug!(%error, "the limit on file descriptors cannot be raised");
        }
    }
}

/// How many files this process may have open now.
pub fn limit() -> u64 {
    getrlimit(Resource::Nofile)
        .current
        .unwrap_or(MANY)
        .min(MANY)
}

/// How many it may have open once the limit is raised.
pub fn highest_limit() -> u64 {
    getrlimit(Resource::Nofile)
        .maximum
        .unwrap_or(MANY)
        .min(MANY)
}

/// The part of a limit that is for connections to endpoints, idle ones included.
pub fn for_requests(limit: u64) -> usize {
    part(limit, 5, 8)
}

/// An endpoint may open another connection while it has fewer than this many
/// for each of [`for_requests`] that is free.
pub const PER_FREE: usize = 4;

/// Returns how many of this many connections one endpoint gets if no other
/// endpoint has any.
pub fn for_one_endpoint(connections: usize) -> usize {
    connections.saturating_mul(PER_FREE).div_ceil(PER_FREE + 1)
}

/// The part of [`for_requests`] that idle connections may take.
pub fn for_idle(limit: u64) -> usize {
    part(limit, 1, 4)
}

/// The part of a limit that is for publishers.
pub fn for_intake(limit: u64) -> usize {
    part(limit, 1, 4)
}

/// Returns the limit for which [`for_requests`] returns this number.
pub fn enough_for(requests: usize) -> u64 {
    (requests as u64).saturating_mul(8).div_ceil(5)
}

fn part(limit: u64, of: u64, in_all: u64) -> usize {
    usize::try_from(limit * of / in_all)
        .unwrap_or(usize::MAX)
        .max(1)
}

/// A number of descriptors for one purpose. Clones share them.
#[derive(Clone, Debug)]
pub struct Share(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    used: AtomicUsize,
    most: usize,
}

/// One descriptor of a share, until it is dropped.
#[derive(Debug)]
pub struct Taken(Share);

impl Share {
    /// Creates a share of this many descriptors.
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Counts {
            used: AtomicUsize::new(0),
            most,
        }))
    }

    /// Takes a descriptor; `None` if all are taken.
    pub fn take(&self) -> Option<Taken> {
        let Counts { used, most } = &*self.0;
        let more = |used| (used < *most).then_some(used + 1);
        used.fetch_update(Relaxed, Relaxed, more).ok()?;
        Some(Taken(self.clone()))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.0.used.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_leave_some_for_others() {
        for limit in [64, 1024, MANY] {
            let parts = for_requests(limit) + for_intake(limit);
            assert!(parts as u64 <= limit * 7 / 8, "{limit}");
            assert!(for_idle(limit) < for_requests(limit));
            assert!(for_requests(enough_for(limit as usize)) as u64 >= limit);
        }
    }

    #[test]
    fn a_share_has_an_end() {
        let share = Share::new(2);
        let (one, _two) = (share.take().unwrap(), share.take().unwrap());
        assert!(share.clone().take().is_none());
        drop(one);
        assert!(share.take().is_some());
    }
}
