//! What a delivery did since it started, in plain atomics. What became of its
//! messages for good is the broker's ledger, which outlives a restart.

mod histogram;
mod together;

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

pub use histogram::Histogram;
pub use together::Together;

use super::gate::BreakerState;

use crate::broker::Settlement;

/// The counters of one delivery, written by its attempts and read by whoever
/// shows them.
#[derive(Debug, Default)]
pub struct Stats {
    attempts: AtomicU64,
    delivered: AtomicU64,
    filtered: AtomicU64,
    retried: AtomicU64,
    dead_lettered: AtomicU64,
    given_back: AtomicU64,
    in_flight: AtomicU64,
    /// From publish to delivered or filtered, waits for retries included.
    pub latency: Histogram,
    /// How long the attempts took.
    pub attempt: Histogram,
    flow: OnceLock<Teller>,
}

/// Tells how the flow is while the deliveries run.
struct Teller(Box<dyn Fn() -> Option<Flow> + Send + Sync>);

/// What holds the deliveries of a subscription back, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// How many attempts may be under way at once, as it is now.
    pub limit: usize,
    /// The state of the breaker, where there is one.
    pub breaker: Option<BreakerState>,
    /// For how long yet a Retry-After holds back all.
    pub paused: Option<Duration>,
    /// Messages held here for the order of their key: those that wait for
    /// their retry, and those behind them.
    pub held_back: usize,
}

/// All counters of a [`Stats`], read one by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Attempts that came to an end.
    pub attempts: u64,
    /// Messages acknowledged after an ok.
    pub delivered: u64,
    /// Messages acknowledged that a component chose to do nothing with.
    pub filtered: u64,
    /// Attempts that will be made again.
    pub retried: u64,
    /// Messages given up.
    pub dead_lettered: u64,
    /// Messages left unsettled, which the broker delivers again.
    pub given_back: u64,
    /// Deliveries under way now.
    pub in_flight: u64,
}

/// What a settlement counts as.
#[derive(Clone, Copy, Debug)]
pub(super) enum Settled {
    /// After this time since it was published.
    Delivered(Duration),
    /// After this time since it was published.
    Filtered(Duration),
    Retried,
    DeadLettered,
    /// It waits for its turn; it is counted when that comes.
    Waits,
}

impl Settled {
    /// `age` is the time since the message was published.
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
    /// All the counters as they are now.
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

    /// How the flow is now; `None` while no deliveries run.
    pub fn flow(&self) -> Option<Flow> {
        self.flow.get().and_then(|teller| teller.0())
    }

    pub(super) fn tell_flow(&self, teller: impl Fn() -> Option<Flow> + Send + Sync + 'static) {
        // A second engine on the same counters has nothing of its own to tell.
        _ = self.flow.set(Teller(Box::new(teller)));
    }

    pub(super) fn begun(&self) {
        self.in_flight.fetch_add(1, Relaxed);
    }

    pub(super) fn attempted(&self, took: Duration) {
        self.attempts.fetch_add(1, Relaxed);
        self.attempt.record(took);
    }

    pub(super) fn settled(&self, settled: Settled) {
        let counter = match settled {
            Settled::Delivered(age) => {
                self.latency.record(age);
                &self.delivered
            }
            Settled::Filtered(age) => {
                self.latency.record(age);
                &self.filtered
            }
            Settled::Retried => &self.retried,
            Settled::DeadLettered => &self.dead_lettered,
            Settled::Waits => return,
        };
        counter.fetch_add(1, Relaxed);
    }

    pub(super) fn ended(&self, settled: bool) {
        self.in_flight.fetch_sub(1, Relaxed);
        if !settled {
            self.given_back.fetch_add(1, Relaxed);
        }
    }
}

impl fmt::Debug for Teller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0().fmt(f)
    }
}
