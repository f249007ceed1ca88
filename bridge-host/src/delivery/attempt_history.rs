//! How many attempts a delivery has had, and since when. The time counts from the
//! first attempt, not from the publication, so that a message from a backlog is
//! not given up after its first failure.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::Policy;
use super::backoff::max_time_until;
use super::decide::Attempts;
use crate::broker::Incoming;

/// How long a delivery had been tried for when this host received the message,
/// and when it received it.
#[derive(Clone, Copy)]
pub(super) struct AttemptHistory {
    time_before: Duration,
    received: Instant,
}

impl AttemptHistory {
    /// Begins the history of a message that was received just now.
    pub(super) fn of(incoming: &Incoming, policy: &Policy) -> Self {
        let time_before = match incoming.tried_for {
            _ if incoming.attempt <= 1 => Duration::ZERO,
            Some(tried_for) => tried_for,
            None => estimated_time(incoming.attempt, incoming.published, policy),
        };
        Self {
            time_before,
            received: Instant::now(),
        }
    }

    /// Returns the number of attempts and their time, for an attempt that ends
    /// now.
    pub(super) fn attempts(self, attempt: u32) -> Attempts {
        Attempts {
            made: attempt,
            over: self.time_before.saturating_add(self.received.elapsed()),
        }
    }
}

/// Estimates the time since the first attempt, for a broker that does not report
/// it: the message's age, but at most what the retry schedule allows. If the
/// clock was set back, only the schedule counts.
fn estimated_time(attempt: u32, published: SystemTime, policy: &Policy) -> Duration {
    let scheduled = max_time_until(&policy.retry, attempt, policy.timeout);
    let age = SystemTime::now().duration_since(published);
    age.map_or(scheduled, |age| age.min(scheduled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backlog_is_no_older_than_its_attempts() {
        let day = Duration::from_secs(24 * 3600);
        let policy = Policy::default();
        let estimate = |attempt, published| estimated_time(attempt, published, &policy);
        let old = SystemTime::now() - 10 * day;
        let first = Duration::from_millis(500) + policy.timeout;
        assert_eq!(estimate(2, old), first);
        assert!(estimate(12, old) < day);
        assert!(estimate(100, old) > policy.max_age());
        let new = SystemTime::now();
        assert!(estimate(100, new) < day);
        // The age is unknown, so only the schedule counts.
        assert_eq!(estimate(2, new + day), first);
        assert_eq!(estimate(2, SystemTime::UNIX_EPOCH), first);
    }
}
