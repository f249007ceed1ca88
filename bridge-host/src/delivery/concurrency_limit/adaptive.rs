//! An adaptive concurrency limit (AIMD). A round is as many successes as the
//! limit. The limit grows by one after a round that was not slower than before,
//! and shrinks by a third when the endpoint is overloaded. The caller passes the
//! time.

use std::time::Duration;

use tokio::time::Instant;

use crate::delivery::endpoint_signal::EndpointSignal;
use crate::delivery::endpoint_signal::Health;

/// Differences below this are ignored: the jitter of a fast endpoint is not a
/// sign of overload.
const NOISE: Duration = Duration::from_millis(2);

/// The fastest round grows by this fraction with each round, so that an endpoint
/// that became permanently slower is not measured against its past.
const FORGET: u32 = 32;

/// The limit, and the measurements that change it.
pub(super) struct AdaptiveLimit {
    min: usize,
    max: usize,
    limit: usize,
    /// The successes of this round, and their total duration.
    good: u32,
    time: Duration,
    /// The mean duration in the fastest round.
    fastest: Option<Duration>,
    reduced_at: Option<Instant>,
}

impl AdaptiveLimit {
    /// Creates a limit that starts at the minimum.
    pub(super) fn new(min: usize, max: usize) -> Self {
        let max = max.max(1);
        let min = min.clamp(1, max);
        Self {
            min,
            max,
            limit: min,
            good: 0,
            time: Duration::ZERO,
            fastest: None,
            reduced_at: None,
        }
    }

    /// Returns the current limit.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Records what an attempt showed that began at `begun` and ends `now`.
    /// `full` says whether all permits are in use. Returns the new limit if it
    /// changed.
    pub(super) fn record(
        &mut self,
        signal: &EndpointSignal,
        begun: Instant,
        now: Instant,
        full: bool,
    ) -> Option<usize> {
        let before = self.limit;
        if signal.overloaded {
            // Attempts that began before report the same overload again.
            if self.reduced_at.is_none_or(|reduced_at| begun >= reduced_at) {
                self.limit = (before - before.div_ceil(3)).max(self.min);
                self.reduced_at = Some(now);
                self.begin_round();
            }
        } else if signal.health == Health::Good {
            self.good += 1;
            self.time += now - begun;
            if self.good as usize >= self.limit {
                self.end_round(full);
            }
        }
        (self.limit != before).then_some(self.limit)
    }

    fn end_round(&mut self, full: bool) {
        let mean = self.time / self.good;
        let fastest = match self.fastest {
            Some(fastest) => (fastest + fastest / FORGET).min(mean),
            None => mean,
        };
        self.fastest = Some(fastest);
        if full && mean <= 2 * fastest + NOISE {
            self.limit = (self.limit + 1).min(self.max);
        }
        self.begin_round();
    }

    fn begin_round(&mut self) {
        self.good = 0;
        self.time = Duration::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: EndpointSignal = EndpointSignal {
        health: Health::Good,
        overloaded: false,
        pause: None,
    };
    const BUSY: EndpointSignal = EndpointSignal {
        health: Health::Bad,
        overloaded: true,
        pause: None,
    };

    /// Records `count` successes, one after the other, of `millis` each.
    fn good(adaptive: &mut AdaptiveLimit, now: &mut Instant, count: u32, millis: u64) {
        for _ in 0..count {
            let begun = *now;
            *now += Duration::from_millis(millis);
            adaptive.record(&GOOD, begun, *now, true);
        }
    }

    #[tokio::test]
    async fn grows_while_flat_and_no_further_than_told() {
        let (mut adaptive, mut now) = (AdaptiveLimit::new(2, 8), Instant::now());
        good(&mut adaptive, &mut now, 2, 10);
        assert_eq!(adaptive.limit(), 3);
        good(&mut adaptive, &mut now, 2 * 3, 30);
        assert_eq!(adaptive.limit(), 3, "three times as slow");
        good(&mut adaptive, &mut now, 3 + 4, 15);
        assert_eq!(adaptive.limit(), 5);
        good(&mut adaptive, &mut now, 100, 10);
        assert_eq!(adaptive.limit(), 8);
    }

    #[tokio::test]
    async fn slower_for_good_is_learned() {
        let (mut adaptive, mut now) = (AdaptiveLimit::new(1, 8), Instant::now());
        good(&mut adaptive, &mut now, 1, 10);
        good(&mut adaptive, &mut now, 200, 100);
        assert!(adaptive.limit() > 2, "{}", adaptive.limit());
    }

    #[tokio::test]
    async fn shrinks_once_for_one_overload() {
        let (mut adaptive, begun) = (AdaptiveLimit::new(2, 64), Instant::now());
        adaptive.limit = 30;
        let later = begun + NOISE;
        assert_eq!(adaptive.record(&BUSY, begun, later, true), Some(20));
        assert_eq!(adaptive.record(&BUSY, begun, later, true), None);
        assert_eq!(adaptive.record(&BUSY, later, later, true), Some(13));
        for _ in 0..20 {
            adaptive.record(&BUSY, later, later, true);
        }
        assert_eq!(adaptive.limit(), 2);
    }

    #[tokio::test]
    async fn unused_it_does_not_grow() {
        let (mut adaptive, now) = (AdaptiveLimit::new(1, 8), Instant::now());
        for _ in 0..50 {
            adaptive.record(&GOOD, now, now, false);
        }
        assert_eq!(adaptive.limit(), 1);
    }
}
