//! The threads that run subscriptions: at most one per core, each with its own
//! single-threaded runtime. A subscription runs on one thread, with its connections, or on
//! as many as its `threads` says. No message moves from one thread to another. What runs
//! on a thread stays out.

use std::io;
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// The running threads, which end when this is dropped.
pub(super) struct Threads {
    running: Vec<RuntimeThread>,
    /// The threads of each subscription.
    assigned: Vec<Vec<usize>>,
}

struct RuntimeThread {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Threads {
    /// Starts as many threads as the subscriptions request, at most one per core.
    pub(super) fn start(requested: &[usize]) -> io::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let all = requested.iter().sum::<usize>().clamp(1, cores);
        let running = (0..all).map(|_| RuntimeThread::start());
        Ok(Self {
            running: running.collect::<io::Result<_>>()?,
            assigned: assign(requested, all),
        })
    }

    /// Returns the threads of the `n`th subscription. As far as there are enough threads,
    /// its first thread belongs to no other subscription.
    pub(super) fn of(&self, n: usize) -> &[usize] {
        &self.assigned[n]
    }

    /// Returns the runtime of a thread.
    pub(super) fn runtime(&self, thread: usize) -> &Handle {
        &self.running[thread].handle
    }
}

/// Assigns threads to subscriptions in turn. A subscription gets no thread twice.
fn assign(requested: &[usize], threads: usize) -> Vec<Vec<usize>> {
    let mut next = 0;
    let mut deal = |requested: &usize| {
        let first = next;
        next += (*requested).min(threads);
        (first..next).map(|n| n % threads).collect()
    };
    requested.iter().map(&mut deal).collect()
}

impl RuntimeThread {
    fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("deliveries".into())
            .spawn(move || {
                // An error means that the sender was dropped, which also ends the thread.
                let _ = runtime.block_on(stopped);
            })?;
        Ok(Self {
            handle,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for RuntimeThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // The thread has reported its panic itself.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::assign;

    #[test]
    fn threads_are_assigned_in_turn() {
        assert_eq!(assign(&[1, 1, 1], 2), [[0], [1], [0]]);
        assert_eq!(assign(&[1, 4, 1], 3), [vec![0], vec![1, 2, 0], vec![1]]);
        assert_eq!(assign(&[2, 1], 8), [vec![0, 1], vec![2]]);
    }
}
