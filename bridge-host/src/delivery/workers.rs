//! Where attempts run: the one file that chooses. A list of runtimes, taken
//! in turn: one current-thread runtime a core did a third better than one
//! multi-threaded runtime.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// The runtimes that attempts are spread over. Clones share their turn.
#[derive(Clone, Debug)]
pub struct Workers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    first: Handle,
    others: Vec<Handle>,
    turn: AtomicUsize,
}

impl Workers {
    /// All of these runtimes, in turn. They must run for as long as the deliveries do.
    pub fn new(first: Handle, others: Vec<Handle>) -> Self {
        Self(Arc::new(Shared {
            first,
            others,
            turn: AtomicUsize::new(0),
        }))
    }

    /// The runtime that this is called in, alone.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn current() -> Self {
        Self::new(Handle::current(), Vec::new())
    }

    /// Starts a task on the runtime whose turn it is.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        let Shared {
            first,
            others,
            turn,
        } = &*self.0;
        let turn = match others.len() {
            0 => 0,
            n => turn.fetch_add(1, Relaxed) % (n + 1),
        };
        let runtime = turn.checked_sub(1).map_or(first, |n| &others[n]);
        runtime.spawn(task)
    }
}
