//! The tasks of a subscription's deliveries, so that they can be aborted.

use tokio::task::JoinHandle;

/// The tasks under way, and some that ended: they are swept out by the
/// hundred, which costs less than a set that knows of each end. Dropped, it
/// aborts them, so that nothing goes on behind the back of whoever dropped
/// the engine.
pub(super) struct Tasks {
    handles: Vec<JoinHandle<()>>,
    sweep_at: usize,
    least: usize,
}

impl Tasks {
    pub(super) fn new(places: usize) -> Self {
        let least = places.saturating_mul(2).max(64);
        Self {
            handles: Vec::new(),
            sweep_at: least,
            least,
        }
    }

    pub(super) fn add(&mut self, task: JoinHandle<()>) {
        if self.handles.len() >= self.sweep_at {
            self.handles.retain(|task| !task.is_finished());
            self.sweep_at = self.least.max(2 * self.handles.len());
        }
        self.handles.push(task);
    }

    pub(super) fn abort(&self) {
        self.handles.iter().for_each(JoinHandle::abort);
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.abort();
    }
}
