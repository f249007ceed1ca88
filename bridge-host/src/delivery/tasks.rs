//! The tasks of a delivery, so that they can be aborted.

use tokio::task::JoinHandle;

/// The tasks in flight, and some that ended. Ended tasks are removed in batches,
/// which costs less than a set that tracks each end. When dropped, it aborts the
/// tasks, so that none outlives the engine.
pub(super) struct Tasks {
    handles: Vec<JoinHandle<()>>,
    sweep_at: usize,
    least: usize,
}

impl Tasks {
    pub(super) fn new(max_in_flight: usize) -> Self {
        let least = max_in_flight.saturating_mul(2).max(64);
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
