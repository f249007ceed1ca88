//! What a delivery is made of, and what it comes to. How it runs is in `run`.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::crash::CrashRecord;
use super::gate::Gate;
use super::policy::Policy;
use super::stats::Stats;
use crate::broker::{Broker, DeadLetterStore};
use crate::guest;
use crate::trouble::Troubles;

/// The delivery of one subscription's messages, or of one thread's share.
pub struct Delivery {
    /// The subscription's name, for the log.
    pub name: String,
    /// How often, how long and how many at once.
    pub policy: Policy,
    /// What holds attempts back; deliveries to one endpoint share it.
    pub gate: Arc<Gate>,
    /// What the messages are handed to.
    pub handler: Arc<dyn guest::MessageHandler>,
    /// Where the replies are published that its outcomes bring.
    pub replies: Option<Arc<dyn Broker>>,
    /// Where the attempts run, for as long as the delivery does.
    pub runtime: Handle,
    /// Where dead letters go that their broker does not keep.
    pub dead_letters: Arc<dyn DeadLetterStore>,
    /// Keys that dead letters block, from before the start.
    pub blocked_keys: Vec<String>,
    /// Where the attempts under way are recorded, should the host end.
    pub crashes: CrashRecord,
    /// Where readiness learns of what this machine lacks.
    pub troubles: Troubles,
    /// Where it is counted what became of them.
    pub stats: Arc<Stats>,
}

/// How a delivery ended at shutdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Deliveries under way at the shutdown that were settled since.
    pub finished: u64,
    /// Those that were not: the broker delivers them again.
    pub given_back: u64,
    /// From the shutdown to the end.
    pub took: Duration,
}

impl Summary {
    /// That of both, which ended together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            finished: self.finished + other.finished,
            given_back: self.given_back + other.given_back,
            took: self.took.max(other.took),
        }
    }
}
