//! The time of an attempt. Waiting for an instance does not count, neither for an instance of the
//! attempt's own component nor for one of another component.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use tokio::time::timeout;

/// The shortest interval at which a call is checked once its time seems to have run out.
const TICK: Duration = Duration::from_millis(5);

/// The total waiting time of one attempt. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct WaitClock(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    over: Duration,
    /// How many waits are in progress, and since when.
    in_flight: u32,
    since: Option<Instant>,
}

impl WaitClock {
    /// Waits, and counts the time.
    pub(crate) async fn during<T>(&self, wait: impl Future<Output = T>) -> T {
        let _one = One::begin(self);
        wait.await
    }

    /// Returns how long the attempt has waited. Overlapping waits count once.
    pub(crate) fn total(&self) -> Duration {
        let inner = self.lock();
        let now = inner.since.map_or(Duration::ZERO, |since| since.elapsed());
        inner.over.saturating_add(now)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock()
    }
}

/// A wait in progress.
struct One<'a>(&'a WaitClock);

impl<'a> One<'a> {
    fn begin(waits: &'a WaitClock) -> Self {
        let mut inner = waits.lock();
        inner.in_flight += 1;
        inner.since.get_or_insert_with(Instant::now);
        Self(waits)
    }
}

impl Drop for One<'_> {
    fn drop(&mut self) {
        let mut inner = self.0.lock();
        inner.in_flight -= 1;
        if inner.in_flight == 0
            && let Some(since) = inner.since.take()
        {
            inner.over += since.elapsed();
        }
    }
}

/// Returns what is left of a time limit that began at `began`.
pub(crate) fn left(limit: Duration, began: Instant, waits: &WaitClock) -> Duration {
    let limit = limit.saturating_add(waits.total());
    limit.saturating_sub(began.elapsed())
}

/// Runs a call for up to `limit`, not counting its waits. Returns `None` when the time runs out.
pub(crate) async fn within<T>(
    mut call: Pin<&mut impl Future<Output = T>>,
    limit: Duration,
    waits: &WaitClock,
) -> Option<T> {
    let began = Instant::now();
    let mut next = limit;
    loop {
        if let Ok(end) = timeout(next, call.as_mut()).await {
            return Some(end);
        }
        next = left(limit, began, waits);
        if next.is_zero() {
            return None;
        }
        next = next.max(TICK);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;
    use tokio::time::sleep;

    const LIMIT: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn waiting_for_an_instance_does_not_count() {
        let waits = WaitClock::default();
        let call = async {
            tokio::join!(
                waits.during(sleep(LIMIT * 2)),
                waits.during(sleep(LIMIT * 3))
            );
        };
        assert_eq!(within(pin!(call), LIMIT, &waits).await, Some(()));
        let waited = waits.total();
        assert!(waited >= LIMIT * 3 && waited == waits.total(), "{waited:?}");
    }

    #[tokio::test]
    async fn other_time_counts() {
        let waits = WaitClock::default();
        let call = async {
            waits.during(sleep(LIMIT)).await;
            std::future::pending::<()>().await;
        };
        let began = Instant::now();
        assert_eq!(within(pin!(call), LIMIT, &waits).await, None);
        assert!(began.elapsed() >= LIMIT * 2, "{:?}", began.elapsed());
    }
}
