//! Decides whether the intake accepts messages. It accepts none before the subscriptions
//! exist at the broker, which stores a message only for existing subscriptions, and none
//! while the bridge drains. It also counts messages that match no subscription.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use http::StatusCode;
use parking_lot::Mutex;

use super::reply::PublishError;
use super::settings::Unrouted;
use crate::broker::Broker;
use crate::message::TopicPattern;

/// The most topics without a subscription that the log names.
const MAX_NAMED: usize = 100;

/// Whether the intake accepts messages, and where they are published.
#[derive(Default)]
pub struct IntakeState {
    open: OnceLock<Open>,
    is_closed: AtomicBool,
    unrouted: AtomicU64,
    named: Mutex<BTreeSet<String>>,
}

struct Open {
    broker: Arc<dyn Broker>,
    routes: Option<SubscribedTopics>,
}

/// The topics of the subscriptions to the intake's broker, if no other host has
/// subscriptions to it.
pub struct SubscribedTopics {
    /// The topics of all subscriptions.
    pub topics: Vec<TopicPattern>,
    /// What happens to a message on another topic.
    pub unrouted: Unrouted,
}

impl IntakeState {
    /// Accepts messages from now on, and publishes them to this broker. Without `routes`,
    /// messages without a subscription are not counted.
    pub fn open(&self, broker: Arc<dyn Broker>, routes: Option<SubscribedTopics>) {
        // A second call has no effect.
        let _ = self.open.set(Open { broker, routes });
    }

    /// Refuses messages from now on.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }

    /// Returns whether messages are refused because the bridge is stopping.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    /// Returns the number of messages since the start that matched no subscription;
    /// `None` if other hosts may have subscriptions.
    pub fn unrouted(&self) -> Option<u64> {
        self.open.get()?.routes.as_ref()?;
        Some(self.unrouted.load(Ordering::Relaxed))
    }

    pub(super) fn broker(&self) -> Result<&Arc<dyn Broker>, PublishError> {
        if self.is_closed() {
            return Err(stopping());
        }
        let open = self.open.get().ok_or_else(|| {
            PublishError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "this bridge is starting, and does not know the topics of its subscriptions yet: send again in a moment",
            )
        })?;
        Ok(&open.broker)
    }

    /// Counts a message that matches no subscription, and refuses it if the config says so.
    pub(super) fn route(&self, topic: &str) -> Result<(), PublishError> {
        let routes = self.open.get().and_then(|open| open.routes.as_ref());
        let Some(routes) = routes else {
            return Ok(());
        };
        if routes.topics.iter().any(|pattern| pattern.matches(topic)) {
            return Ok(());
        }
        self.unrouted.fetch_add(1, Ordering::Relaxed);
        self.warn_once(topic);
        match routes.unrouted {
            Unrouted::Keep => Ok(()),
            Unrouted::Refuse => Err(PublishError::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                format!(
                    "no subscription matches {topic:?}: add the topic to the `topics` of a subscription, or set intake.unrouted = \"keep\""
                ),
            )),
        }
    }

    /// Logs the topic, once.
    fn warn_once(&self, topic: &str) {
        let mut named = self.named.lock();
        if named.len() >= MAX_NAMED || !named.insert(topic.to_owned()) {
            return;
        }
        let count = named.len();
        drop(named);
        tracing::warn!(
            topic,
            "no subscription matches this topic, so its messages are not delivered; the ledger counts them as `unrouted`"
        );
        if count == MAX_NAMED {
            tracing::warn!("the log names no further topics without a subscription");
        }
    }
}

/// Returns the error for publishers while the bridge drains.
pub(super) fn stopping() -> PublishError {
    let reason = "this bridge is stopping: send to another bridge, or send again after its restart";
    PublishError::new(StatusCode::SERVICE_UNAVAILABLE, reason)
}
