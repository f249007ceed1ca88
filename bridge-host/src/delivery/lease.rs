//! The lease of a message, extended for as long as the message is kept here.

use std::convert::Infallible;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::log::Story;
use crate::broker::{BrokerError, Receipt};

/// An attempt that takes longer has its lease extended, again and again; at
/// brokers with short leases, three times as often as they run out.
pub(super) const EXTEND_EVERY: Duration = Duration::from_secs(10);

/// By so much: brokers redeliver after 30 seconds and more.
pub(super) const LEASE: Duration = Duration::from_secs(30);

/// Extends the lease again and again while the message waits.
pub(super) async fn keep_waiting(receipt: &mut dyn Receipt) -> Infallible {
    let every = extend_every(receipt);
    keep(receipt, every, |_| {}).await
}

/// As [`keep_waiting`], from now on: for one of many waits in a row, each of which
/// may be shorter than the time to the next extension.
pub(super) async fn keep_from_now(receipt: &mut dyn Receipt, story: &Story<'_>) -> Infallible {
    keep(receipt, Duration::ZERO, |error| story.not_extended(error)).await
}

/// How often the lease of what came through this receipt is extended.
pub(super) fn extend_every(receipt: &dyn Receipt) -> Duration {
    let lease = receipt.capabilities().lease;
    lease.map_or(EXTEND_EVERY, |lease| EXTEND_EVERY.min(lease / 3))
}

/// Extends the lease, first after this time.
pub(super) async fn keep(
    receipt: &mut dyn Receipt,
    first: Duration,
    failed: impl Fn(&BrokerError),
) -> Infallible {
    let every = extend_every(receipt);
    let mut next = first;
    loop {
        sleep(next).await;
        next = every;
        // One that hangs must not keep it from the next.
        if let Ok(Err(error)) = timeout(every, receipt.extend(LEASE)).await {
            failed(&error);
        }
    }
}
