//! Whether messages are taken: not before the subscriptions have their places
//! at the broker, as a message is kept for those alone, and not while the
//! bridge drains. And which of them no subscription takes.

use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use http::StatusCode;

use super::answer::Refusal;
use super::settings::Unrouted;
use crate::broker::Broker;
use crate::message::TopicPattern;

/// The log names so many topics that no subscription takes.
const MAX_NAMED: usize = 100;

/// Where messages go, while they are taken.
#[derive(Default)]
pub struct Publishing {
    open: OnceLock<Open>,
    is_closed: AtomicBool,
    unrouted: AtomicU64,
    named: Mutex<BTreeSet<String>>,
}

struct Open {
    broker: Arc<dyn Broker>,
    routes: Option<Routes>,
}

/// What the subscriptions to the intake's broker take, where no other host has
/// subscriptions there.
pub struct Routes {
    /// The topics of all of them.
    pub topics: Vec<TopicPattern>,
    /// What becomes of a message on another topic.
    pub unrouted: Unrouted,
}

impl Publishing {
    /// From now on, messages are published to this broker. Without `routes`
    /// it is not known which of them a subscription takes.
    pub fn open(&self, broker: Arc<dyn Broker>, routes: Option<Routes>) {
        // The first one stays.
        let _ = self.open.set(Open { broker, routes });
    }

    /// From now on, messages are refused.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }

    /// Whether messages are refused because the bridge stops.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    /// How many messages no subscription took, since the start; `None` where
    /// that is not known.
    pub fn unrouted(&self) -> Option<u64> {
        self.open.get()?.routes.as_ref()?;
        Some(self.unrouted.load(Ordering::Relaxed))
    }

    pub(super) fn broker(&self) -> Result<&Arc<dyn Broker>, Refusal> {
        if self.is_closed() {
            return Err(stopping());
        }
        let open = self.open.get().ok_or_else(|| {
            Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "this bridge is starting, and does not know yet which topics its subscriptions take: send again in a moment",
            )
        })?;
        Ok(&open.broker)
    }

    /// Counts a message that no subscription takes, or refuses it.
    pub(super) fn route(&self, topic: &str) -> Result<(), Refusal> {
        let routes = self.open.get().and_then(|open| open.routes.as_ref());
        let Some(routes) = routes else {
            return Ok(());
        };
        if routes.topics.iter().any(|pattern| pattern.matches(topic)) {
            return Ok(());
        }
        self.unrouted.fetch_add(1, Ordering::Relaxed);
        self.name(topic);
        match routes.unrouted {
            Unrouted::Keep => Ok(()),
            Unrouted::Refuse => Err(Refusal::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                format!(
                    "no subscription takes {topic:?}: see `topics` in the config, or set intake.unrouted = \"keep\""
                ),
            )),
        }
    }

    /// Names the topic in the log, once.
    fn name(&self, topic: &str) {
        let mut named = self.named.lock();
        if named.len() >= MAX_NAMED || !named.insert(topic.to_owned()) {
            return;
        }
        let count = named.len();
        drop(named);
        tracing::warn!(
            topic,
            "no subscription takes messages on this topic, so they are not delivered. The ledger counts them as `unrouted`"
        );
        if count == MAX_NAMED {
            tracing::warn!("the log names no further topics that no subscription takes");
        }
    }
}

/// What publishers are told while the bridge drains.
pub(super) fn stopping() -> Refusal {
    let reason = "this bridge is stopping: send to another one, or again once it is back";
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, reason)
}
