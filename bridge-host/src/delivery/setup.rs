//! The parts of a delivery, and the summary that is logged when it ends. `run` runs
//! the delivery.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::admission_gate::AdmissionGate;
use super::crash::CrashRecord;
use super::policy::Policy;
use super::stats::Stats;
use crate::broker::{Broker, DeadLetterStore};
use crate::guest;
use crate::trouble::Troubles;

/// The delivery of one subscription's messages, or of one thread's share of them.
pub struct Delivery {
    /// The name of the subscription, for the log.
    pub name: String,
    /// The limits, the order and the retries.
    pub policy: Policy,
    /// Admits attempts. Deliveries to the same endpoint share it.
    pub gate: Arc<AdmissionGate>,
    /// Handles the messages.
    pub handler: Arc<dyn guest::MessageHandler>,
    /// Publishes the replies of the handler, if there are any to publish.
    pub replies: Option<Arc<dyn Broker>>,
    /// Runs the attempts. It must live as long as the delivery.
    pub runtime: Handle,
    /// Stores dead letters that the broker does not store.
    pub dead_letters: Arc<dyn DeadLetterStore>,
    /// The keys that dead letters blocked before the start.
    pub blocked_keys: Vec<String>,
    /// Records the attempts in flight, in case the host crashes.
    pub crashes: CrashRecord,
    /// Reports what this machine lacks, for readiness.
    pub troubles: Troubles,
    /// Counts the results.
    pub stats: Arc<Stats>,
}

/// The result of draining a delivery at shutdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrainSummary {
    /// Deliveries in flight at the shutdown that were settled before its end.
    pub finished: u64,
    /// Deliveries in flight that were not settled: the broker redelivers their
    /// messages.
    pub given_back: u64,
    /// The time from the shutdown to the end.
    pub took: Duration,
}

impl DrainSummary {
    /// Combines the summaries of two deliveries that ended together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            finished: self.finished + other.finished,
            given_back: self.given_back + other.given_back,
            took: self.took.max(other.took),
        }
    }
}
