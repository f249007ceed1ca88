//! Where subscriptions run: a thread a core, each with a runtime of its own.
//! All of a subscription is on one of them, its connections included, so that
//! no message is handed from thread to thread. Measured against one
//! multi-threaded runtime: `cargo xtask bench`.

use std::io;
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// The running threads; they end when this is dropped.
pub(super) struct Threads {
    running: Vec<Running>,
}

struct Running {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Threads {
    /// Starts one a core, and no more than `wanted`.
    pub(super) fn start(wanted: usize) -> io::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let running = (0..wanted.clamp(1, cores)).map(|_| Running::start());
        Ok(Self {
            running: running.collect::<io::Result<_>>()?,
        })
    }

    /// The runtime of the `n`th subscription.
    pub(super) fn of(&self, n: usize) -> &Handle {
        &self.running[n % self.running.len()].handle
    }
}

impl Running {
    fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("deliveries".into())
            .spawn(move || {
                // An error means that the sender is gone: it is time, too.
                let _ = runtime.block_on(stopped);
            })?;
        Ok(Self {
            handle,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was reported by the thread itself.
            let _ = thread.join();
        }
    }
}
