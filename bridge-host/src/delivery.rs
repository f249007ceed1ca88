//! One message through one subscription: attempt, verdict, settlement. The
//! only room that chooses between ack, retry and dead letter.

mod attempt;
mod backoff;
mod blocked;
mod crash;
mod decide;
mod failing;
mod gate;
mod hindered;
mod in_flight;
mod in_order;
mod jitter;
mod lanes;
mod limit;
mod log;
mod order;
mod policy;
mod replies;
mod retry_lane;
mod run;
mod settings;
mod settle;
mod sign;
#[cfg(test)]
mod simulation;
mod source;
mod stats;
mod tasks;
mod tried;
mod workers;

pub use backoff::schedule;
pub use crash::CrashRecord;
pub use decide::{Attempts, decide};
pub use gate::{BreakerState, Gate};
pub use order::{AfterDeadLetter, Order, OrderKey};
pub use policy::Policy;
pub use settings::{Breaker, DeliverySettings, PolicySettings, Rate, Retry};
pub use stats::{Counters, Flow, Histogram, Stats, Together};
pub use workers::Workers;

use std::sync::Arc;
use std::time::Duration;

use crate::broker::{Broker, DeadLetters, Subscription};
use crate::guest::Handle;
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
    pub handler: Arc<dyn Handle>,
    /// Where the replies are published that its outcomes bring.
    pub replies: Option<Arc<dyn Broker>>,
    /// Where the attempts run.
    pub workers: Workers,
    /// Where dead letters go that their broker does not keep.
    pub dead_letters: Arc<dyn DeadLetters>,
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

impl Delivery {
    /// Delivers until `shutdown` completes. Then it takes in no more, waits
    /// up to `drain` for what is under way and gives back the rest; no message
    /// becomes a dead letter because of it. Dropped before its end, it stops
    /// at once, and gives back all that is under way.
    pub async fn run(
        self,
        subscription: Box<dyn Subscription>,
        shutdown: impl Future<Output = ()>,
        drain: Duration,
    ) -> Summary {
        let engine = run::Engine::new(self, jitter::Jitter::random());
        engine.run(subscription, shutdown, drain).await
    }
}
