//! How many permits retries may hold: half of them while retries keep failing,
//! so that new messages always find a permit, and all of them once retries
//! succeed, as after an outage.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::sync::Notify;

use super::Policy;
use super::limit::Limit;
use crate::broker::Incoming;
use crate::guest::CallResult;

/// The share of the retries of one subscription.
pub(super) struct RetryLane {
    /// Permits that retries hold.
    held: AtomicUsize,
    /// How many more retries must succeed in a row before they may use all permits.
    doubts: AtomicUsize,
    /// How many that are after a failure; 0 where retries have no lane.
    most_doubts: usize,
    freed: Notify,
}

impl RetryLane {
    /// Without a lane: where messages are ordered, all share one queue.
    pub(super) fn new(policy: &Policy) -> Self {
        let most_doubts = match policy.order {
            None if policy.max_in_flight > 1 => policy.max_in_flight,
            _ => 0,
        };
        Self {
            held: AtomicUsize::new(0),
            doubts: AtomicUsize::new(most_doubts),
            most_doubts,
            freed: Notify::new(),
        }
    }

    /// Whether this message goes by this lane.
    pub(super) fn takes(&self, incoming: &Incoming) -> bool {
        incoming.attempt > 1 && self.most_doubts > 0
    }

    /// Whether no other retry may begin now.
    pub(super) fn is_full(&self, limit: &Limit) -> bool {
        let held = self.held.load(Relaxed);
        held > 0 && self.doubts.load(Relaxed) > 0 && held >= limit.current() / 2
    }

    /// Waits until that may have changed. For one caller at a time.
    pub(super) async fn freed(&self) {
        self.freed.notified().await;
    }

    /// A retry takes a permit.
    pub(super) fn begin(&self) {
        self.held.fetch_add(1, Relaxed);
    }

    /// What a retry showed.
    pub(super) fn told(&self, result: &CallResult) {
        match result {
            CallResult::Ok | CallResult::Other(_) => {
                let less = |doubts: usize| doubts.checked_sub(1);
                // There may be none left.
                _ = self.doubts.fetch_update(Relaxed, Relaxed, less);
            }
            CallResult::Timeout | CallResult::Connection(_) | CallResult::Failed(_) => {
                self.doubts.store(self.most_doubts, Relaxed);
            }
        }
    }

    /// A retry gives its permit back.
    pub(super) fn end(&self) {
        self.held.fetch_sub(1, Relaxed);
        self.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(max_in_flight: usize) -> (RetryLane, Limit) {
        let policy = Policy {
            max_in_flight,
            ..Policy::default()
        };
        (RetryLane::new(&policy), Limit::new(&policy))
    }

    #[test]
    fn half_while_retries_fail_and_all_once_they_succeed() {
        let (lane, limit) = lane(8);
        (0..4).for_each(|_| lane.begin());
        assert!(lane.is_full(&limit));
        lane.end();
        assert!(!lane.is_full(&limit));
        lane.begin();
        for _ in 0..8 {
            assert!(lane.is_full(&limit));
            lane.told(&CallResult::Ok);
        }
        (0..4).for_each(|_| lane.begin());
        assert!(!lane.is_full(&limit));
        lane.told(&CallResult::Timeout);
        assert!(lane.is_full(&limit));
    }

    #[test]
    fn one_retry_at_least() {
        for max_in_flight in [2, 3] {
            let (lane, limit) = lane(max_in_flight);
            assert!(!lane.is_full(&limit));
            lane.begin();
            assert!(lane.is_full(&limit));
        }
    }
}
