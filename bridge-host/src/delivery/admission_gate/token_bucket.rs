//! The rate limit: a token bucket, stored as the time at which it would be full
//! (the generic cell rate algorithm). The caller passes the time.

use std::time::Duration;

use tokio::time::Instant;

use crate::delivery::settings;

/// A token bucket, full at the start.
pub(super) struct TokenBucket {
    /// The time between two tokens.
    interval: Duration,
    /// The time in which an empty bucket refills to all tokens but one.
    slack: Duration,
    full_at: Option<Instant>,
}

impl TokenBucket {
    pub(super) fn new(rate: settings::Rate) -> Self {
        let interval = rate.per / rate.count.max(1);
        Self {
            interval,
            slack: interval.saturating_mul(rate.burst.saturating_sub(1)),
            full_at: None,
        }
    }

    /// Returns whether there is a token now, or else when there will be one.
    pub(super) fn check(&self, now: Instant) -> Result<(), Instant> {
        let at = self.full_at.and_then(|full| full.checked_sub(self.slack));
        match at {
            Some(at) if at > now => Err(at),
            _ => Ok(()),
        }
    }

    /// Takes a token.
    pub(super) fn take(&mut self, now: Instant) {
        let full = self.full_at.map_or(now, |full| full.max(now));
        self.full_at = Some(full + self.interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_burst_and_then_the_rate() {
        let mut bucket = TokenBucket::new(settings::Rate {
            count: 10,
            per: Duration::from_secs(1),
            burst: 3,
        });
        let mut now = Instant::now();
        for _ in 0..3 {
            assert_eq!(bucket.check(now), Ok(()));
            bucket.take(now);
        }
        let tenth = Duration::from_millis(100);
        for _ in 0..20 {
            assert_eq!(bucket.check(now), Err(now + tenth));
            now += tenth;
            assert_eq!(bucket.check(now), Ok(()));
            bucket.take(now);
        }
        // An idle time fills the bucket to its capacity only.
        now += Duration::from_secs(60);
        let taken = (0..10).take_while(|_| {
            let has_token = bucket.check(now).is_ok();
            bucket.take(now);
            has_token
        });
        assert_eq!(taken.count(), 3);
    }
}
