//! Where subscriptions run: a thread a core, each with a runtime of its own.
//! All of a subscription is on one of them, its connections included, or on as
//! many as it wants, each with all that it needs: so no message is handed from
//! thread to thread. Measured against one multi-threaded runtime:
//! `cargo xtask bench`.

use std::io;
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// The running threads; they end when this is dropped.
pub(super) struct Threads {
    running: Vec<Running>,
    /// Of each subscription.
    places: Vec<Vec<usize>>,
}

struct Running {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Threads {
    /// Starts as many as the subscriptions want, and no more than one a core.
    pub(super) fn start(wanted: &[usize]) -> io::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let all = wanted.iter().sum::<usize>().clamp(1, cores);
        let running = (0..all).map(|_| Running::start());
        Ok(Self {
            running: running.collect::<io::Result<_>>()?,
            places: places(wanted, all),
        })
    }

    /// The threads of the `n`th subscription: the first is its own as far as
    /// there are enough.
    pub(super) fn of(&self, n: usize) -> &[usize] {
        &self.places[n]
    }

    /// The runtime of a thread.
    pub(super) fn runtime(&self, thread: usize) -> &Handle {
        &self.running[thread].handle
    }
}

/// Deals so many threads out in turn, none of them twice to the same.
fn places(wanted: &[usize], threads: usize) -> Vec<Vec<usize>> {
    let mut next = 0;
    let mut deal = |wanted: &usize| {
        let first = next;
        next += (*wanted).min(threads);
        (first..next).map(|place| place % threads).collect()
    };
    wanted.iter().map(&mut deal).collect()
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

#[cfg(test)]
mod tests {
    use super::places;

    #[test]
    fn threads_are_dealt_out_in_turn() {
        assert_eq!(places(&[1, 1, 1], 2), [[0], [1], [0]]);
        assert_eq!(places(&[1, 4, 1], 3), [vec![0], vec![1, 2, 0], vec![1]]);
        assert_eq!(places(&[2, 1], 8), [vec![0, 1], vec![2]]);
    }
}
