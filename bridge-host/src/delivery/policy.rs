//! How often, how long and how many at once: what a user sets of a delivery.

use std::time::Duration;

/// The delivery policy of one subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Attempts under way at once; 1 keeps the order.
    pub max_in_flight: usize,
    /// An attempt that takes longer is stopped, and counts as a timeout.
    pub timeout: Duration,
    /// What follows an attempt that may be made again.
    pub retry: Retry,
}

impl Policy {
    /// One attempt at a time: nothing may overtake, which the broker is asked
    /// to see to ([`SubscribeSpec::ordered`]).
    ///
    /// [`SubscribeSpec::ordered`]: crate::broker::SubscribeSpec::ordered
    pub fn ordered(&self) -> bool {
        self.max_in_flight <= 1
    }
}

/// Exponential backoff with full jitter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The first attempt included; at least 1.
    pub max_attempts: u32,
    /// The longest wait before the second attempt; it doubles from there.
    pub initial: Duration,
    /// No wait is longer, one that a Retry-After asks for included.
    pub max: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_in_flight: 64,
            timeout: Duration::from_secs(30),
            retry: Retry {
                max_attempts: 12,
                initial: Duration::from_millis(500),
                max: Duration::from_secs(3600),
            },
        }
    }
}
