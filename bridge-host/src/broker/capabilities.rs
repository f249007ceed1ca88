//! What a broker can do, as plain data. `delivery` and `check` read it, docs/reference/brokers.md
//! lists it, and the contract tests check it.

use std::time::Duration;

/// What a broker can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether a message survives a restart of the broker.
    pub durable: bool,
    /// Whether an unsettled message is delivered again, even if the process that had it ended.
    /// Otherwise a message in flight is lost with its process: at most once.
    pub at_least_once: bool,
    /// Whether [`Settlement::Retry`](super::Settlement::Retry) waits in the broker, which counts
    /// attempts across restarts. Otherwise it waits in this process.
    pub delayed_retry: bool,
    /// Whether the broker keeps dead letters itself.
    pub dead_letters: bool,
    /// Whether the broker can keep dead letters on a topic.
    pub dead_letter_topics: bool,
    /// Whether all hosts together can keep the order of
    /// [`SubscribeSpec::ordered`](super::SubscribeSpec::ordered).
    pub ordered: bool,
    /// Whether a message with a known id is not stored again, within a window.
    pub deduplicates: bool,
    /// Whether several hosts can share a subscription.
    pub shared: bool,
    /// Whether messages can be sent as requests, and answered.
    pub requests: bool,
    /// How long the broker leases a message to a host, unless the host extends the lease. `None` if
    /// the lease lasts as long as the process.
    pub lease: Option<Duration>,
}
