//! Where a subscription's messages are, or why it has none: what readiness shows of it.
//! How they are found is the broker's own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::silence::Silence;

/// What is known of a subscription that was joined here.
pub struct Presence<T> {
    name: String,
    /// Where its messages are, or why there are none.
    now: Mutex<Result<Arc<T>, String>>,
    /// Whether its server gives signs of life.
    pub silence: Silence,
}

impl<T> Presence<T> {
    /// Of the subscription with this name.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            now: Mutex::new(Err("it has not begun".into())),
            silence: Silence::new(name),
        }
    }

    /// Returns why it has no messages, in one line.
    pub fn trouble(&self) -> Option<String> {
        let why = self.lock().as_ref().err().cloned();
        let why = why.or_else(|| self.silence.why())?;
        let name = &self.name;
        Some(format!("the subscription {name:?} has no messages: {why}"))
    }

    /// Returns where its messages are.
    pub fn located(&self) -> Option<Arc<T>> {
        self.lock().as_ref().ok().cloned()
    }

    /// Its messages are gone, or out of reach.
    pub fn lost(&self, why: String) {
        *self.lock() = Err(why);
    }

    /// Its messages are here.
    pub fn found(&self, located: Arc<T>) {
        *self.lock() = Ok(located);
    }

    fn lock(&self) -> MutexGuard<'_, Result<Arc<T>, String>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
