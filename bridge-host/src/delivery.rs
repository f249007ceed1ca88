//! One message through one subscription: attempt, verdict, settlement. The
//! only room that chooses between ack, retry and dead letter.

mod attempt;
mod backoff;
mod blocked;
mod crash;
mod decide;
mod engine;
mod failing;
mod gate;
mod hindered;
mod in_flight;
mod in_order;
mod jitter;
mod lanes;
mod lease;
mod limit;
mod log;
mod order;
mod policy;
mod replies;
mod retry_lane;
mod run;
mod settings;
mod settle;
mod setup;
mod sign;
#[cfg(test)]
mod simulation;
mod source;
mod stats;
mod tasks;
mod tried;

pub use backoff::schedule;
pub use crash::CrashRecord;
pub use decide::{Attempts, decide};
pub use gate::{BreakerState, Gate};
pub use order::{AfterDeadLetter, Order, OrderKey};
pub use policy::Policy;
pub use settings::{CircuitBreaker, DeliverySettings, PolicySettings, Rate, Retry};
pub use setup::{Delivery, Summary};
pub use stats::{Counters, Flow, Histogram, Stats, Together};
