//! Whether messages are taken: not before the subscriptions have their places
//! at the broker, as a message is kept for those alone, and not while the
//! bridge drains.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use http::StatusCode;

use super::answer::Refusal;
use crate::broker::Broker;

/// Where messages go, while they are taken.
#[derive(Default)]
pub struct Publishing {
    broker: OnceLock<Arc<dyn Broker>>,
    is_closed: AtomicBool,
}

impl Publishing {
    /// From now on, messages are published to this broker.
    pub fn open(&self, broker: Arc<dyn Broker>) {
        // The first one stays.
        let _ = self.broker.set(broker);
    }

    /// From now on, messages are refused.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }

    pub(super) fn broker(&self) -> Result<&Arc<dyn Broker>, Refusal> {
        let unavailable = |reason| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, reason);
        if self.is_closed.load(Ordering::Relaxed) {
            return Err(unavailable(
                "this bridge is stopping: send to another one, or again once it is back",
            ));
        }
        self.broker.get().ok_or_else(|| {
            unavailable(
                "this bridge is starting, and does not know yet which topics its subscriptions take: send again in a moment",
            )
        })
    }
}
