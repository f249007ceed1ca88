//! How many connections to endpoints the process may have, and how they are
//! divided: no endpoint gets so many that none are left to the others.

use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::sync::Arc;

use super::target::Target;
use crate::trouble::Shortage;
use crate::trouble::descriptors::PER_FREE;

/// The limit on the connections of the process, and their counts. Clones share both.
#[derive(Clone, Debug)]
pub(super) struct Connections(Arc<All>);

#[derive(Debug)]
struct All {
    most: usize,
    taken: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    /// Has only endpoints with open connections.
    by_endpoint: HashMap<Target, usize>,
}

/// A permit for one connection to an endpoint, until it is dropped.
#[derive(Debug)]
pub(super) struct Connected {
    of: Connections,
    endpoint: Target,
}

impl Connections {
    /// Allows this many connections.
    pub(super) fn new(most: usize) -> Self {
        Self(Arc::new(All {
            most,
            taken: Mutex::default(),
        }))
    }

    /// Acquires a permit for a connection. An endpoint gets another one while it has
    /// fewer than [`PER_FREE`] connections for each free connection, so that a few
    /// connections stay free for endpoints without any.
    pub(super) fn take(&self, endpoint: &Target) -> Result<Connected, Shortage> {
        let mut taken = self.lock();
        let free = self.0.most.saturating_sub(taken.all);
        if free == 0 {
            return Err(Shortage::Connections);
        }
        let held = taken.by_endpoint.get(endpoint).copied().unwrap_or(0);
        if held >= free.saturating_mul(PER_FREE) {
            return Err(Shortage::EndpointShare);
        }
        taken.all += 1;
        taken.by_endpoint.insert(endpoint.clone(), held + 1);
        Ok(Connected {
            of: self.clone(),
            endpoint: endpoint.clone(),
        })
    }

    /// Locks the counts. Both counts are set before the lock is released, so a lock
    /// poisoned by a panic elsewhere is still consistent.
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.taken.lock()
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        let mut taken = self.of.lock();
        taken.all -= 1;
        if let Some(held) = taken.by_endpoint.get_mut(&self.endpoint) {
            *held -= 1;
            if *held == 0 {
                taken.by_endpoint.remove(&self.endpoint);
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
    fn take_all(connections: &Connections, endpoint: &Target) -> Vec<Connected> {
        std::iter::from_fn(|| connections.take(endpoint).ok()).collect()
    }

    #[test]
    fn one_endpoint_leaves_a_fifth_to_the_others() {
        let connections = Connections::new(80);
        let slow = target("http://slow.example/");
        let taken = take_all(&connections, &slow);
        assert_eq!(taken.len(), for_one_endpoint(80));
        assert_eq!(
            connections.take(&slow).unwrap_err(),
            Shortage::EndpointShare
        );
        let other = take_all(&connections, &target("http://other.example/"));
        assert!(other.len() > 10, "{}", other.len());
    }

    #[test]
    fn ten_slow_endpoints_leave_some_to_an_eleventh() {
        let connections = Connections::new(640);
        let urls = (0..10).map(|n| format!("http://slow-{n}.example/"));
        let slow: Vec<_> = urls.map(|url| target(&url)).collect();
        let mut taken = Vec::new();
        // In turns, as their messages come.
        while let more = slow.iter().filter_map(|it| connections.take(it).ok())
            && let more = more.collect::<Vec<_>>()
            && !more.is_empty()
        {
            taken.extend(more);
        }
        let other = take_all(&connections, &target("http://other.example/"));
        assert!(other.len() >= 10, "{}", other.len());
    }

    #[test]
    fn the_last_connection_is_for_an_endpoint_without_one() {
        let connections = Connections::new(1);
        let endpoint = target("http://a.example/");
        let taken = connections.take(&endpoint).unwrap();
        let other = target("http://b.example/");
        assert_eq!(connections.take(&other).unwrap_err(), Shortage::Connections);
        drop(taken);
        assert!(connections.take(&other).is_ok());
        assert!(connections.lock().by_endpoint.is_empty());
    }
}
