//! Replies are durable before the message that they answer is acked: one that
//! cannot be published makes the attempt one that failed.

use crate::broker::{Broker, BrokerError};
use crate::guest::{CallResult, Outcome};

/// Publishes the replies of an attempt. Repeated, they have the ids that they
/// had before, so that a broker with a window for such keeps them once.
pub(super) async fn publish(outcome: &mut Outcome, broker: Option<&dyn Broker>) {
    let Some(broker) = broker else { return };
    for reply in std::mem::take(&mut outcome.replies) {
        if let Err(error) = broker.publish(reply.message, Some(reply.id)).await {
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
