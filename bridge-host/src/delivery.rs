//! Delivers the messages of subscriptions: makes attempts, decides between
//! acknowledgement, retry and dead letter, and settles each message. No other
//! room makes that decision.

mod admission_gate;
mod attempt;
mod attempt_history;
mod backoff;
mod blocked_keys;
mod concurrency_limit;
mod crash;
mod decide;
mod endpoint_signal;
mod engine;
mod fetch_failures;
mod in_flight;
mod jitter;
mod key_queues;
mod key_worker;
mod lease;
mod log;
mod message_source;
mod order;
mod policy;
mod postponed;
mod replies;
mod retry_share;
mod run;
mod settings;
mod settle;
mod setup;
#[cfg(test)]
mod simulation;
mod stats;
mod tasks;

pub use admission_gate::{AdmissionGate, CircuitState};
pub use backoff::schedule;
pub use crash::CrashRecord;
pub use decide::{Attempts, decide};
pub use order::{AfterDeadLetter, KeyOrdering, OrderKey};
pub use policy::Policy;
pub use settings::{CircuitBreakerSettings, DeliverySettings, PolicySettings, Rate, Retry};
pub use setup::{Delivery, DrainSummary};
pub use stats::{CombinedStats, Counters, Flow, Histogram, Stats};
