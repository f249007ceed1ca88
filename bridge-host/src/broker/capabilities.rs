//! What a broker can do, as plain data: read by `settle` and by `check`,
//! listed in docs/reference/brokers.md, held against what it does by its tests.

use std::time::Duration;

/// What a broker can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// A message survives a restart of the broker.
    pub durable: bool,
    /// A message that was not settled is delivered again, whatever became of
    /// the process that had it. Without it, what is under way is lost with
    /// its process: at most once.
    pub at_least_once: bool,
    /// [`Settlement::Retry`](super::Settlement::Retry) waits in the broker,
    /// attempts counted across restarts; else in this process.
    pub delayed_retry: bool,
    /// The broker keeps dead letters itself.
    pub dead_letters: bool,
    /// The broker keeps dead letters that are published on a topic.
    pub dead_letter_topics: bool,
    /// [`SubscribeSpec::ordered`](super::SubscribeSpec::ordered) can be
    /// honoured, by all hosts together.
    pub ordered: bool,
    /// An id that is published again within a window is not kept twice.
    pub deduplicates: bool,
    /// Several hosts can share a subscription.
    pub shared: bool,
    /// A message can be sent as a request, and one that came as a request be
    /// replied to.
    pub requests: bool,
    /// How long a message stays with whom it was given to, unless that is
    /// extended; `None` for as long as the process lives.
    pub lease: Option<Duration>,
}
