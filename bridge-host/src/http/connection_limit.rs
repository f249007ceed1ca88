//! The limit on the open connections of the process, and its division among the endpoints: an
//! endpoint with many connections leaves some to the others.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use super::target::Target;
use crate::trouble::Shortage;
use crate::trouble::descriptors::PER_FREE;

/// The limit on the connections of the process, and their counts. Clones share both.
#[derive(Clone, Debug)]
pub(super) struct ConnectionLimit(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    most: usize,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    /// Contains only endpoints with open connections.
    by_endpoint: HashMap<Target, usize>,
}

/// A permit for one connection to an endpoint. Dropping it releases the permit.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    limit: ConnectionLimit,
    endpoint: Target,
}

impl ConnectionLimit {
    /// Allows up to `most` connections.
    pub(super) fn new(most: usize) -> Self {
        Self(Arc::new(Shared {
            most,
            counts: Mutex::default(),
        }))
    }

    /// Acquires a permit for a connection. An endpoint with few connections gets another one while
    /// it has fewer than [`PER_FREE`] connections for each free one, so that some stay free for
    /// endpoints without any.
    pub(super) fn acquire(&self, endpoint: &Target) -> Result<ConnectionPermit, Shortage> {
        let mut counts = self.lock();
        let free = self.0.most.saturating_sub(counts.all);
        if free == 0 {
            return Err(Shortage::Connections);
        }
        let held = counts.by_endpoint.get(endpoint).copied().unwrap_or(0);
        if held >= free.saturating_mul(PER_FREE) {
            return Err(Shortage::EndpointShare);
        }
        counts.all += 1;
        counts.by_endpoint.insert(endpoint.clone(), held + 1);
        Ok(ConnectionPermit {
            limit: self.clone(),
            endpoint: endpoint.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.counts.lock()
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut counts = self.limit.lock();
        counts.all -= 1;
        if let Some(held) = counts.by_endpoint.get_mut(&self.endpoint) {
            *held -= 1;
            if *held == 0 {
                counts.by_endpoint.remove(&self.endpoint);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::trouble::descriptors::for_one_endpoint;

    fn target(url: &str) -> Target {
        Target::of(&Request::get(url).body(()).unwrap()).unwrap()
    }

    /// Acquires permits until the endpoint gets no more.
    fn acquire_all(limit: &ConnectionLimit, endpoint: &Target) -> Vec<ConnectionPermit> {
        std::iter::from_fn(|| limit.acquire(endpoint).ok()).collect()
    }

    #[test]
    fn one_endpoint_leaves_a_fifth_to_the_others() {
        let limit = ConnectionLimit::new(80);
        let slow = target("http://slow.example/");
        let taken = acquire_all(&limit, &slow);
        assert_eq!(taken.len(), for_one_endpoint(80));
        assert_eq!(limit.acquire(&slow).unwrap_err(), Shortage::EndpointShare);
        let other = acquire_all(&limit, &target("http://other.example/"));
        assert!(other.len() > 10, "{}", other.len());
    }

    #[test]
    fn ten_slow_endpoints_leave_some_to_an_eleventh() {
        let limit = ConnectionLimit::new(640);
        let urls = (0..10).map(|n| format!("http://slow-{n}.example/"));
        let slow: Vec<_> = urls.map(|url| target(&url)).collect();
        let mut taken = Vec::new();
        // In turns, as messages to ten endpoints arrive.
        while let more = slow.iter().filter_map(|it| limit.acquire(it).ok())
            && let more = more.collect::<Vec<_>>()
            && !more.is_empty()
        {
            taken.extend(more);
        }
        let other = acquire_all(&limit, &target("http://other.example/"));
        assert!(other.len() >= 10, "{}", other.len());
    }

    #[test]
    fn the_last_connection_is_for_an_endpoint_without_one() {
        let limit = ConnectionLimit::new(1);
        let endpoint = target("http://a.example/");
        let taken = limit.acquire(&endpoint).unwrap();
        let other = target("http://b.example/");
        assert_eq!(limit.acquire(&other).unwrap_err(), Shortage::Connections);
        drop(taken);
        assert!(limit.acquire(&other).is_ok());
        assert!(limit.lock().by_endpoint.is_empty());
    }
}
