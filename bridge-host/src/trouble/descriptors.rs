//! The limit on open files, and how it is divided: connections to endpoints must leave
//! descriptors for the intake, the store and the brokers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use rustix::process::{Resource, getrlimit, setrlimit};

/// The limit on systems that set none: more files than any process opens.
const UNLIMITED: u64 = 1 << 20;

/// Raises the soft limit to the hard limit. If the system refuses, the limit stays the
/// same.
pub fn raise_limit() {
    let mut limits = getrlimit(Resource::Nofile);
    if limits.current != limits.maximum {
        limits.current = limits.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limits) {
            tracing::debug!(%error, "the limit on file descriptors cannot be raised");
        }
    }
}

/// Returns the number of files that this process may have open now.
pub fn limit() -> u64 {
    getrlimit(Resource::Nofile)
        .current
        .unwrap_or(UNLIMITED)
        .min(UNLIMITED)
}

/// Returns the number of files that this process may have open once the limit is raised.
pub fn highest_limit() -> u64 {
    getrlimit(Resource::Nofile)
        .maximum
        .unwrap_or(UNLIMITED)
        .min(UNLIMITED)
}

/// Returns the part of a limit for connections to endpoints, idle ones included.
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

/// Returns the part of [`for_requests`] that idle connections may use.
pub fn for_idle(limit: u64) -> usize {
    part(limit, 1, 4)
}

/// Returns the part of a limit for connections of publishers.
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
pub struct DescriptorQuota(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    used: AtomicUsize,
    most: usize,
}

/// A permit for one descriptor of a quota, until it is dropped.
#[derive(Debug)]
pub struct DescriptorPermit(DescriptorQuota);

impl DescriptorQuota {
    /// Creates a quota of this many descriptors.
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Counts {
            used: AtomicUsize::new(0),
            most,
        }))
    }

    /// Acquires a permit; returns `None` if all descriptors are in use.
    pub fn acquire(&self) -> Option<DescriptorPermit> {
        let Counts { used, most } = &*self.0;
        let more = |used| (used < *most).then_some(used + 1);
        used.fetch_update(Relaxed, Relaxed, more).ok()?;
        Some(DescriptorPermit(self.clone()))
    }
}

impl Drop for DescriptorPermit {
    fn drop(&mut self) {
        self.0.0.used.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_leave_some_for_others() {
        for limit in [64, 1024, UNLIMITED] {
            let parts = for_requests(limit) + for_intake(limit);
            assert!(parts as u64 <= limit * 7 / 8, "{limit}");
            assert!(for_idle(limit) < for_requests(limit));
            assert!(for_requests(enough_for(limit as usize)) as u64 >= limit);
        }
    }

    #[test]
    fn a_quota_has_so_many_permits() {
        let quota = DescriptorQuota::new(2);
        let (one, _two) = (quota.acquire().unwrap(), quota.acquire().unwrap());
        assert!(quota.clone().acquire().is_none());
        drop(one);
        assert!(quota.acquire().is_some());
    }
}
