//! Atomic counters of a delivery since its start. The broker's ledger has the
//! totals that survive a restart.

mod combined;
mod histogram;

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

pub use combined::CombinedStats;
pub use histogram::Histogram;

use super::admission_gate::CircuitState;

use crate::broker::Settlement;

/// The counters of one delivery. Attempts write them; the ledger and the metrics
/// read them.
#[derive(Debug, Default)]
pub struct Stats {
    attempts: AtomicU64,
    delivered: AtomicU64,
    filtered: AtomicU64,
    retried: AtomicU64,
    dead_lettered: AtomicU64,
    given_back: AtomicU64,
    in_flight: AtomicU64,
    /// The time from publication to delivered or filtered, including waits for
    /// retries.
    pub latency: Histogram,
    /// The duration of attempts.
    pub attempt: Histogram,
    flow: OnceLock<FlowReader>,
}

/// Reads the state of the flow while the delivery runs.
struct FlowReader(Box<dyn Fn() -> Option<Flow> + Send + Sync>);

/// What currently limits the deliveries of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// How many attempts may be in flight now.
    pub limit: usize,
    /// The state of the circuit breaker, if there is one.
    pub breaker: Option<CircuitState>,
    /// The rest of a Retry-After that pauses the subscription.
    pub paused: Option<Duration>,
    /// How many messages this host holds for the order of their key: those that
    /// wait for a retry, and those behind them.
    pub held_back: usize,
}

/// A snapshot of the counters of a [`Stats`]. The counters are read one after the
/// other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Attempts that ended.
    pub attempts: u64,
    /// Messages acknowledged after a successful attempt.
    pub delivered: u64,
    /// Messages acknowledged because a component filtered them.
    pub filtered: u64,
    /// Attempts that failed and will be retried.
    pub retried: u64,
    /// Messages that became dead letters.
    pub dead_lettered: u64,
    /// Messages left unsettled, which the broker redelivers.
    pub given_back: u64,
    /// Deliveries in flight now.
    pub in_flight: u64,
}

/// What a settlement counts as.
#[derive(Clone, Copy, Debug)]
pub(super) enum CountedSettlement {
    /// Delivered this long after its publication.
    Delivered(Duration),
    /// Filtered this long after its publication.
    Filtered(Duration),
    Retried,
    DeadLettered,
    /// The message waits for its turn, and counts once that comes.
    Waits,
}

impl CountedSettlement {
    /// Creates one from a settlement. `age` is the time since the message was
    /// published.
    pub(super) fn new(settlement: &Settlement, age: Duration) -> Self {
        match settlement {
            Settlement::Delivered => Self::Delivered(age),
            Settlement::Filtered => Self::Filtered(age),
            Settlement::Retry(_) => Self::Retried,
            Settlement::DeadLetter(_) => Self::DeadLettered,
            Settlement::Moved => Self::Waits,
        }
    }
}

impl Stats {
    /// Returns the current counters.
    pub fn counters(&self) -> Counters {
        Counters {
            attempts: self.attempts.load(Relaxed),
            delivered: self.delivered.load(Relaxed),
            filtered: self.filtered.load(Relaxed),
            retried: self.retried.load(Relaxed),
            dead_lettered: self.dead_lettered.load(Relaxed),
            given_back: self.given_back.load(Relaxed),
            in_flight: self.in_flight.load(Relaxed),
        }
    }

    /// Returns what currently limits the deliveries; `None` if none run.
    pub fn flow(&self) -> Option<Flow> {
        self.flow.get().and_then(|reader| reader.0())
    }

    pub(super) fn set_flow_reader(
        &self,
        reader: impl Fn() -> Option<Flow> + Send + Sync + 'static,
    ) {
        // A second engine on the same counters would report the same.
        _ = self.flow.set(FlowReader(Box::new(reader)));
    }

    pub(super) fn attempt_started(&self) {
        self.in_flight.fetch_add(1, Relaxed);
    }

    pub(super) fn count_attempt(&self, took: Duration) {
        self.attempts.fetch_add(1, Relaxed);
        self.attempt.record(took);
    }

    pub(super) fn count_settlement(&self, settled: CountedSettlement) {
        let counter = match settled {
            CountedSettlement::Delivered(age) => {
                self.latency.record(age);
                &self.delivered
            }
            CountedSettlement::Filtered(age) => {
                self.latency.record(age);
                &self.filtered
            }
            CountedSettlement::Retried => &self.retried,
            CountedSettlement::DeadLettered => &self.dead_lettered,
            CountedSettlement::Waits => return,
        };
        counter.fetch_add(1, Relaxed);
    }

    pub(super) fn attempt_ended(&self, settled: bool) {
        self.in_flight.fetch_sub(1, Relaxed);
        if !settled {
            self.given_back.fetch_add(1, Relaxed);
        }
    }
}

impl fmt::Debug for FlowReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0().fmt(f)
    }
}
