//! A subscription that gets neither messages nor heartbeats, although the connection is up.
//! Each broker finds out the reason itself.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use parking_lot::Mutex;

/// Whether a subscription gets nothing from its server.
pub struct Silence {
    subscription: String,
    is_silent: AtomicBool,
    why: Mutex<Option<String>>,
}

impl Silence {
    /// Creates the state of the subscription with this name.
    pub fn new(subscription: &str) -> Self {
        Self {
            subscription: subscription.into(),
            is_silent: AtomicBool::new(false),
            why: Mutex::default(),
        }
    }

    /// Records that the server is silent, and logs it once.
    pub fn begin(&self, why: String) {
        *self.why.lock() = Some(why.clone());
        if !self.is_silent.swap(true, Relaxed) {
            tracing::warn!(subscription = self.subscription, "no messages: {why}");
        }
    }

    /// Records that the server answered.
    pub fn end(&self) {
        if self.is_silent.load(Relaxed) && self.is_silent.swap(false, Relaxed) {
            *self.why.lock() = None;
            tracing::info!(
                subscription = self.subscription,
                "the broker answers the subscription again"
            );
        }
    }

    /// Returns why the server is silent, while it is.
    pub fn reason(&self) -> Option<String> {
        self.is_silent
            .load(Relaxed)
            .then(|| self.why.lock().clone())
            .flatten()
    }
}
