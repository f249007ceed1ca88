//! What the deliveries of one subscription did, each on a thread of its own:
//! told as one.

use std::sync::Arc;
use std::time::Duration;

use super::{Counters, Flow, Histogram, Stats};

/// The counters of all deliveries of a subscription.
#[derive(Debug)]
pub struct Together(Vec<Arc<Stats>>);

impl Together {
    /// Of one delivery each.
    pub fn new(all: Vec<Arc<Stats>>) -> Self {
        Self(all)
    }

    /// The sums of all counters as they are now.
    pub fn counters(&self) -> Counters {
        let all = self.0.iter().map(|stats| stats.counters());
        all.fold(Counters::default(), Counters::and)
    }

    /// How the flow is now; `None` while no deliveries run.
    pub fn flow(&self) -> Option<Flow> {
        let all = self.0.iter().filter_map(|stats| stats.flow());
        all.reduce(Flow::and)
    }

    /// From publish to delivered or filtered: what [`Histogram::quantile`] is
    /// of all of them.
    pub fn latency(&self, share: f64) -> Option<Duration> {
        let all = self.0.iter().map(|stats| &stats.latency);
        Histogram::quantile_of(all, share)
    }

    /// How long the attempts took, likewise.
    pub fn attempt(&self, share: f64) -> Option<Duration> {
        let all = self.0.iter().map(|stats| &stats.attempt);
        Histogram::quantile_of(all, share)
    }
}

impl Counters {
    fn and(self, other: Self) -> Self {
        Self {
            attempts: self.attempts + other.attempts,
            delivered: self.delivered + other.delivered,
            filtered: self.filtered + other.filtered,
            retried: self.retried + other.retried,
            dead_lettered: self.dead_lettered + other.dead_lettered,
            given_back: self.given_back + other.given_back,
            in_flight: self.in_flight + other.in_flight,
        }
    }
}

impl Flow {
    /// The gate is the same for all.
    fn and(self, other: Self) -> Self {
        Self {
            limit: self.limit + other.limit,
            held_back: self.held_back + other.held_back,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::stats::Settled;

    #[test]
    fn what_each_did_is_told_as_one() {
        let all = [1, 3].map(|millis| {
            let stats = Arc::new(Stats::default());
            let took = Duration::from_millis(millis);
            stats.begun();
            stats.attempted(took);
            stats.settled(Settled::Delivered(took));
            stats.tell_flow(move || {
                Some(Flow {
                    limit: millis as usize,
                    breaker: None,
                    paused: None,
                    held_back: 0,
                })
            });
            stats
        });
        all[0].ended(true);
        let [shortest, _] = all.each_ref().map(|stats| stats.attempt.quantile(1.0));
        let longest = all[1].latency.quantile(1.0);
        let together = Together::new(all.into());
        let counters = together.counters();
        assert_eq!((counters.delivered, counters.in_flight), (2, 1));
        assert_eq!(together.flow().map(|flow| flow.limit), Some(4));
        assert_eq!(together.attempt(0.5), shortest);
        assert_eq!(together.latency(0.99), longest);
    }
}
