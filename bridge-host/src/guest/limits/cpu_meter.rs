//! Measures the CPU time of a call: the CPU time of its thread during the polls of its future. Time
//! between the polls does not count, nor does time that the machine gives to other threads.

use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::epoch_clock;

/// The part of the limit below which the wall clock is used: reading the clock of a thread is a
/// system call.
const ROUGHLY: u32 = 10;

/// A longer poll was interrupted by a tick, or by another thread.
const LONG: Duration = Duration::from_millis(5);

/// The error of a call that used more CPU time than it may.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OutOfCpuTime;

/// Runs a call until it ends, or has used `limit` of CPU time. The time is checked when the call
/// yields, which the engine makes it do at every tick. The caller pins the future: passing it by
/// value would store it twice.
pub(crate) async fn metered<T>(
    call: Pin<&mut impl Future<Output = T>>,
    limit: Duration,
) -> Result<T, OutOfCpuTime> {
    metered_between(call, limit, || 0).await
}

/// As [`metered`], for several calls in one future: the count restarts whenever the value of
/// `steps` changes.
pub(crate) async fn metered_between<T>(
    mut calls: Pin<&mut impl Future<Output = T>>,
    limit: Duration,
    steps: impl Fn() -> u32,
) -> Result<T, OutOfCpuTime> {
    let (mut meter, mut step) = (Meter::new(limit), steps());
    std::future::poll_fn(|context| {
        epoch_clock::note_poll();
        let poll = meter.measure(|| calls.as_mut().poll(context));
        let now = steps();
        if std::mem::replace(&mut step, now) != now {
            meter = Meter::new(limit);
        }
        match poll {
            Poll::Ready(end) => Poll::Ready(Ok(end)),
            Poll::Pending if meter.computed > limit => Poll::Ready(Err(OutOfCpuTime)),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

struct Meter {
    computed: Duration,
    /// Above this time, the thread's clock is used.
    roughly: Duration,
    exact: bool,
}

impl Meter {
    fn new(limit: Duration) -> Self {
        Self {
            computed: Duration::ZERO,
            roughly: limit / ROUGHLY,
            exact: false,
        }
    }

    fn measure<T>(&mut self, poll: impl FnOnce() -> T) -> T {
        if self.exact {
            let began = cpu_time();
            let polled = poll();
            self.computed += cpu_time().saturating_sub(began);
            return polled;
        }
        let began = Instant::now();
        let polled = poll();
        let took = began.elapsed();
        self.computed += took.min(LONG);
        self.exact = took >= LONG || self.computed > self.roughly;
        polled
    }
}

/// Returns the CPU time of this thread.
#[cfg(unix)]
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Returns the time since the first call, on a system whose threads have no CPU clock.
#[cfg(not(unix))]
fn cpu_time() -> Duration {
    static BEGAN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    BEGAN.get_or_init(Instant::now).elapsed()
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(30);

    #[tokio::test]
    async fn waiting_is_not_counted() {
        let wait = async {
            for _ in 0..20 {
                tokio::time::sleep(Duration::from_millis(4)).await;
            }
        };
        assert_eq!(metered(pin!(wait), LIMIT).await, Ok(()));
    }

    fn spin(time: Duration) {
        let began = cpu_time();
        while cpu_time() - began < time {
            std::hint::black_box(());
        }
    }

    /// On a busy machine, a thread waits for a core.
    #[tokio::test]
    async fn only_the_time_on_a_core_is_counted() {
        let interrupted = async {
            for _ in 0..20 {
                std::thread::sleep(Duration::from_millis(10));
                tokio::task::yield_now().await;
            }
        };
        assert_eq!(metered(pin!(interrupted), LIMIT).await, Ok(()));
    }

    #[tokio::test]
    async fn computing_is_counted_over_all_polls() {
        let compute = async {
            loop {
                spin(Duration::from_millis(4));
                tokio::task::yield_now().await;
            }
        };
        let end: Result<(), _> = metered(pin!(compute), LIMIT).await;
        assert_eq!(end, Err(OutOfCpuTime));
    }
}
