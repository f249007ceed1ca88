//! Extends the lease of a message for as long as this host keeps the message.

use std::convert::Infallible;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::log::DeliveryLog;
use crate::broker::{BrokerError, Receipt};

/// The time between two extensions. At brokers with short leases it is a third of
/// the lease.
pub(super) const EXTEND_EVERY: Duration = Duration::from_secs(10);

/// The lease that an extension asks for. Brokers redeliver after 30 seconds or
/// more.
pub(super) const LEASE: Duration = Duration::from_secs(30);

/// Extends the lease repeatedly while the message waits. Failures are not logged.
pub(super) async fn keep_lease_quietly(receipt: &mut dyn Receipt) -> Infallible {
    let every = extend_every(receipt);
    keep_lease(receipt, every, |_| {}).await
}

/// Extends the lease at once and then repeatedly: for short waits in a row, each
/// of which may be shorter than the time to the next extension.
pub(super) async fn keep_lease_from_now(
    receipt: &mut dyn Receipt,
    log: &DeliveryLog<'_>,
) -> Infallible {
    keep_lease(receipt, Duration::ZERO, |error| {
        log.lease_not_extended(error)
    })
    .await
}

/// Returns the time between two extensions for this receipt.
pub(super) fn extend_every(receipt: &dyn Receipt) -> Duration {
    let lease = receipt.capabilities().lease;
    lease.map_or(EXTEND_EVERY, |lease| EXTEND_EVERY.min(lease / 3))
}

/// Extends the lease repeatedly, for the first time after `first`.
pub(super) async fn keep_lease(
    receipt: &mut dyn Receipt,
    first: Duration,
    failed: impl Fn(&BrokerError),
) -> Infallible {
    let every = extend_every(receipt);
    let mut next = first;
    loop {
        sleep(next).await;
        next = every;
        // An extension that hangs must not delay the next one.
        if let Ok(Err(error)) = timeout(every, receipt.extend(LEASE)).await {
            failed(&error);
        }
    }
}
