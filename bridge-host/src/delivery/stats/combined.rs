//! The statistics of a subscription whose deliveries run on several threads,
//! combined.

use std::sync::Arc;
use std::time::Duration;

use super::{Counters, Flow, Histogram, Stats};

/// The counters of all deliveries of a subscription.
#[derive(Debug)]
pub struct CombinedStats(Vec<Arc<Stats>>);

impl CombinedStats {
    /// Combines these counters, one for each delivery.
    pub fn new(all: Vec<Arc<Stats>>) -> Self {
        Self(all)
    }

    /// Returns the sums of the counters.
    pub fn counters(&self) -> Counters {
        let all = self.0.iter().map(|stats| stats.counters());
        all.fold(Counters::default(), Counters::and)
    }

    /// Returns what currently limits the deliveries; `None` if none run.
    pub fn flow(&self) -> Option<Flow> {
        let all = self.0.iter().filter_map(|stats| stats.flow());
        all.reduce(Flow::and)
    }

    /// Returns a quantile of the time from publication to delivered or filtered,
    /// see [`Histogram::quantile`].
    pub fn latency(&self, share: f64) -> Option<Duration> {
        let all = self.0.iter().map(|stats| &stats.latency);
        Histogram::quantile_of(all, share)
    }

    /// Returns a quantile of the duration of attempts.
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
    /// All deliveries of a subscription share a gate, so its state is taken from
    /// one of them.
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
    use crate::delivery::stats::CountedSettlement;

    #[test]
    fn the_counters_of_all_deliveries_are_combined() {
        let all = [1, 3].map(|millis| {
            let stats = Arc::new(Stats::default());
            let took = Duration::from_millis(millis);
            stats.attempt_started();
            stats.count_attempt(took);
            stats.count_settlement(CountedSettlement::Delivered(took));
            stats.set_flow_reader(move || {
                Some(Flow {
                    limit: millis as usize,
                    breaker: None,
                    paused: None,
                    held_back: 0,
                })
            });
            stats
        });
        all[0].attempt_ended(true);
        let [shortest, _] = all.each_ref().map(|stats| stats.attempt.quantile(1.0));
        let longest = all[1].latency.quantile(1.0);
        let combined = CombinedStats::new(all.into());
        let counters = combined.counters();
        assert_eq!((counters.delivered, counters.in_flight), (2, 1));
        assert_eq!(combined.flow().map(|flow| flow.limit), Some(4));
        assert_eq!(combined.attempt(0.5), shortest);
        assert_eq!(combined.latency(0.99), longest);
    }
}
