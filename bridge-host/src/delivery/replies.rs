//! Publishes replies. A reply is durable before the message that it answers is
//! acknowledged; if it cannot be published, the attempt has failed.

use std::time::Duration;

use tokio::time::timeout;

use crate::broker::{Broker, BrokerError};
use crate::guest::{CallResult, Outcome};

/// Publishes the replies of an attempt, each within `limit`. After a retry the
/// replies have the same ids, so a broker that removes duplicates keeps each
/// once.
pub(super) async fn publish_replies(outcome: &mut Outcome, broker: &dyn Broker, limit: Duration) {
    for reply in std::mem::take(&mut outcome.replies) {
        let published = timeout(limit, broker.publish(reply.message, Some(reply.id))).await;
        if let Err(error) = published.unwrap_or(Err(BrokerError::Timeout)) {
            outcome.result = failed_result(&error);
            return;
        }
    }
}

/// Returns the result of an attempt whose reply could not be published.
fn failed_result(error: &BrokerError) -> CallResult {
    let text = format!("cannot publish the reply: {error}");
    match error {
        BrokerError::Timeout => CallResult::Timeout,
        BrokerError::Unavailable(_) | BrokerError::Full(_) => CallResult::Connection(text),
        BrokerError::Refused(_) | BrokerError::TooLarge { .. } => CallResult::Other(text),
    }
}
