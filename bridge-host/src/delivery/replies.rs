//! Replies are durable before the message that they answer is acked: one that
//! cannot be published makes the attempt one that failed.

use std::time::Duration;

use tokio::time::timeout;

use crate::broker::{Broker, BrokerError};
use crate::guest::{CallResult, Outcome};

/// Publishes the replies of an attempt, each within `limit`. Repeated, they
/// have the ids that they had before, so that a broker with a window for such
/// keeps them once.
pub(super) async fn publish(outcome: &mut Outcome, broker: &dyn Broker, limit: Duration) {
    for reply in std::mem::take(&mut outcome.replies) {
        let published = timeout(limit, broker.publish(reply.message, Some(reply.id))).await;
        if let Err(error) = published.unwrap_or(Err(BrokerError::Timeout)) {
            outcome.result = failed(&error);
            return;
        }
    }
}

fn failed(error: &BrokerError) -> CallResult {
    let text = format!("the reply was not published: {error}");
    match error {
        BrokerError::Timeout => CallResult::Timeout,
        BrokerError::Unavailable(_) | BrokerError::Full(_) => CallResult::Connection(text),
        BrokerError::Refused(_) | BrokerError::TooLarge { .. } => CallResult::Other(text),
    }
}
