//! How long a call computes: the time in which its future is polled. What it
//! waits for passes between the polls, and is not counted.

use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

/// The call computed for longer than it may.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OutOfCompute;

/// Runs a call until it ends, or has computed for `limit`. It is looked at
/// when it yields, which the engine makes it do at every tick. Pinned by the
/// caller: what takes a future by value holds it twice.
pub(super) async fn metered<T>(
    call: Pin<&mut impl Future<Output = T>>,
    limit: Duration,
) -> Result<T, OutOfCompute> {
    metered_between(call, limit, || 0).await
}

/// As [`metered`], for several calls in one future: counted anew from every
/// step that one of them takes.
pub(super) async fn metered_between<T>(
    mut calls: Pin<&mut impl Future<Output = T>>,
    limit: Duration,
    steps: impl Fn() -> u32,
) -> Result<T, OutOfCompute> {
    let (mut computed, mut step) = (Duration::ZERO, steps());
    std::future::poll_fn(|context| {
        let began = Instant::now();
        let poll = calls.as_mut().poll(context);
        computed += began.elapsed();
        let now = steps();
        if std::mem::replace(&mut step, now) != now {
            computed = Duration::ZERO;
        }
        match poll {
            Poll::Ready(end) => Poll::Ready(Ok(end)),
            Poll::Pending if computed > limit => Poll::Ready(Err(OutOfCompute)),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
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

    #[tokio::test]
    async fn computing_is_counted_over_all_polls() {
        let compute = async {
            loop {
                std::thread::sleep(Duration::from_millis(4));
                tokio::task::yield_now().await;
            }
        };
        let end: Result<(), _> = metered(pin!(compute), LIMIT).await;
        assert_eq!(end, Err(OutOfCompute));
    }
}
