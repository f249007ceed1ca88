//! The time of an attempt: what it waits for instances of others does not
//! count, as no wait for its own does. How long that may be is nobody's failure.

use parking_lot::{Mutex, MutexGuard};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;

/// How often a call is looked at that is almost out of time, and waits.
const TICK: Duration = Duration::from_millis(5);

/// The waits of one attempt, together. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct WaitClock(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    over: Duration,
    /// How many are under way, and since when there are any.
    under_way: u32,
    since: Option<Instant>,
}

impl WaitClock {
    /// Waits, and counts it.
    pub(crate) async fn during<T>(&self, wait: impl Future<Output = T>) -> T {
        let _one = One::begin(self);
        wait.await
    }

    /// How long it waited; of several waits at once, the time counts once.
    pub(crate) fn so_far(&self) -> Duration {
        let inner = self.lock();
        let now = inner.since.map_or(Duration::ZERO, |since| since.elapsed());
        inner.over.saturating_add(now)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock()
    }
}

/// A wait under way.
struct One<'a>(&'a WaitClock);

impl<'a> One<'a> {
    fn begin(waits: &'a WaitClock) -> Self {
        let mut inner = waits.lock();
        inner.under_way += 1;
        inner.since.get_or_insert_with(Instant::now);
        Self(waits)
    }
}

impl Drop for One<'_> {
    fn drop(&mut self) {
        let mut inner = self.0.lock();
        inner.under_way -= 1;
        if inner.under_way == 0
            && let Some(since) = inner.since.take()
        {
            inner.over += since.elapsed();
        }
    }
}

/// What is left of a time that began then.
pub(crate) fn left(limit: Duration, began: Instant, waits: &WaitClock) -> Duration {
    let limit = limit.saturating_add(waits.so_far());
    limit.saturating_sub(began.elapsed())
}

/// Runs a call to its end, for no longer than `limit` and its waits.
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
    async fn waits_do_not_count() {
        let waits = WaitClock::default();
        let call = async {
            tokio::join!(
                waits.during(sleep(LIMIT * 2)),
                waits.during(sleep(LIMIT * 3))
            );
        };
        assert_eq!(within(pin!(call), LIMIT, &waits).await, Some(()));
        let waited = waits.so_far();
        assert!(
            waited >= LIMIT * 3 && waited == waits.so_far(),
            "{waited:?}"
        );
    }

    #[tokio::test]
    async fn the_rest_does() {
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
