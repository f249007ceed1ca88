//! Where a subscription's messages are, or why it receives none, for readiness.
//! Each broker locates the messages itself.

use std::sync::Arc;

use parking_lot::Mutex;

use super::silence::Silence;

/// The state of a subscription on this host.
pub struct GroupState<T> {
    name: String,
    /// Where its messages are, or why it receives none.
    now: Mutex<Result<Arc<T>, String>>,
    /// Whether its server is silent.
    pub silence: Silence,
}

impl<T> GroupState<T> {
    /// Creates the state of the subscription with this name.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            now: Mutex::new(Err("it has not joined its group yet".into())),
            silence: Silence::new(name),
        }
    }

    /// Returns in one line why it receives no messages.
    pub fn trouble(&self) -> Option<String> {
        let why = self.now.lock().as_ref().err().cloned();
        let why = why.or_else(|| self.silence.reason())?;
        let name = &self.name;
        Some(format!("the subscription {name:?} has no messages: {why}"))
    }

    /// Returns where its messages are.
    pub fn located(&self) -> Option<Arc<T>> {
        self.now.lock().as_ref().ok().cloned()
    }

    /// Records that its messages are gone or unreachable.
    pub fn lost(&self, why: String) {
        *self.now.lock() = Err(why);
    }

    /// Records where its messages are.
    pub fn found(&self, located: Arc<T>) {
        *self.now.lock() = Ok(located);
    }
}
