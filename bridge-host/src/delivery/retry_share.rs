//! How many permits retries may hold: half of them while retries keep failing, so
//! that new messages find a permit, and all of them once retries succeed, as
//! after an outage.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::sync::Notify;

use super::Policy;
use super::concurrency_limit::ConcurrencyLimit;
use crate::broker::Incoming;
use crate::guest::CallResult;

/// The permits that the retries of one subscription hold.
pub(super) struct RetryShare {
    /// How many permits retries hold.
    held: AtomicUsize,
    /// How many more retries must succeed in a row before retries may use all
    /// permits.
    successes_needed: AtomicUsize,
    /// The value of `successes_needed` after a failure; 0 if retries have no
    /// share.
    successes_after_failure: usize,
    release: Notify,
}

impl RetryShare {
    /// Creates the share. If messages are ordered, retries have no share, because
    /// all messages wait in one queue.
    pub(super) fn new(policy: &Policy) -> Self {
        let successes_after_failure = match policy.order {
            None if policy.max_in_flight > 1 => policy.max_in_flight,
            _ => 0,
        };
        Self {
            held: AtomicUsize::new(0),
            successes_needed: AtomicUsize::new(successes_after_failure),
            successes_after_failure,
            release: Notify::new(),
        }
    }

    /// Returns whether the message is a retry that needs a permit of this share.
    pub(super) fn applies_to(&self, incoming: &Incoming) -> bool {
        incoming.attempt > 1 && self.successes_after_failure > 0
    }

    /// Returns whether no further retry may begin now.
    pub(super) fn is_full(&self, limit: &ConcurrencyLimit) -> bool {
        let held = self.held.load(Relaxed);
        held > 0 && self.successes_needed.load(Relaxed) > 0 && held >= limit.current() / 2
    }

    /// Waits until a retry releases its permit. Only one task may wait.
    pub(super) async fn wait_for_release(&self) {
        self.release.notified().await;
    }

    /// Counts a retry that takes a permit.
    pub(super) fn acquire(&self) {
        self.held.fetch_add(1, Relaxed);
    }

    /// Records the result of a retry.
    pub(super) fn record(&self, result: &CallResult) {
        match result {
            CallResult::Ok | CallResult::Other(_) => {
                let less = |successes_needed: usize| successes_needed.checked_sub(1);
                // The counter may be zero already.
                _ = self.successes_needed.fetch_update(Relaxed, Relaxed, less);
            }
            CallResult::Timeout | CallResult::Connection(_) | CallResult::Failed(_) => {
                self.successes_needed
                    .store(self.successes_after_failure, Relaxed);
            }
        }
    }

    /// Counts a retry that releases its permit.
    pub(super) fn release(&self) {
        self.held.fetch_sub(1, Relaxed);
        self.release.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(max_in_flight: usize) -> (RetryShare, ConcurrencyLimit) {
        let policy = Policy {
            max_in_flight,
            ..Policy::default()
        };
        (RetryShare::new(&policy), ConcurrencyLimit::new(&policy))
    }

    #[test]
    fn half_while_retries_fail_and_all_once_they_succeed() {
        let (share, limit) = share(8);
        (0..4).for_each(|_| share.acquire());
        assert!(share.is_full(&limit));
        share.release();
        assert!(!share.is_full(&limit));
        share.acquire();
        for _ in 0..8 {
            assert!(share.is_full(&limit));
            share.record(&CallResult::Ok);
        }
        (0..4).for_each(|_| share.acquire());
        assert!(!share.is_full(&limit));
        share.record(&CallResult::Timeout);
        assert!(share.is_full(&limit));
    }

    #[test]
    fn at_least_one_retry() {
        for max_in_flight in [2, 3] {
            let (share, limit) = share(max_in_flight);
            assert!(!share.is_full(&limit));
            share.acquire();
            assert!(share.is_full(&limit));
        }
    }
}
