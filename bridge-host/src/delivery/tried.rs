//! Since when a delivery is tried: from its first attempt on, not from its
//! publication, so that a backlog is not given up at its first failure.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::Policy;
use super::backoff::longest_until;
use super::decide::Attempts;
use crate::broker::Incoming;

/// The time that a delivery was tried for when it came, and when that was.
#[derive(Clone, Copy)]
pub(super) struct Tried {
    before: Duration,
    came: Instant,
}

impl Tried {
    /// Of a message that comes now.
    pub(super) fn of(incoming: &Incoming, policy: &Policy) -> Self {
        let before = match incoming.tried_for {
            _ if incoming.attempt <= 1 => Duration::ZERO,
            Some(tried_for) => tried_for,
            None => at_most(incoming.attempt, incoming.published, policy),
        };
        Self {
            before,
            came: Instant::now(),
        }
    }

    /// The attempts up to this one, which ends now.
    pub(super) fn until(self, attempt: u32) -> Attempts {
        Attempts {
            made: attempt,
            over: self.before.saturating_add(self.came.elapsed()),
        }
    }
}

/// Where the broker does not tell: no longer than since the publication, and
/// than the schedule allows. A clock that was set back says nothing.
fn at_most(attempt: u32, published: SystemTime, policy: &Policy) -> Duration {
    let scheduled = longest_until(&policy.retry, attempt, policy.timeout);
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
        let tried = |attempt, published| at_most(attempt, published, &policy);
        let old = SystemTime::now() - 10 * day;
        let first = Duration::from_millis(500) + policy.timeout;
        assert_eq!(tried(2, old), first);
        assert!(tried(12, old) < day);
        assert!(tried(100, old) > policy.max_age());
        let new = SystemTime::now();
        assert!(tried(100, new) < day);
        // Nothing is known but the schedule.
        assert_eq!(tried(2, new + day), first);
        assert_eq!(tried(2, SystemTime::UNIX_EPOCH), first);
    }
}
