//! Settles receipts, also while the broker fails. A message that cannot be
//! settled is given back to the broker, which redelivers it: it is never lost.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::sleep;

use super::attempt_history::AttemptHistory;
use super::log::DeliveryLog;
use crate::broker::{
    BrokerError, DeadLetterStore, FailedDelivery, ParkedMessage, Receipt, Settlement,
};
use crate::message::Message;

/// The pauses between attempts to settle. Their sum is well within a lease. The
/// permit is held meanwhile, so a failing broker is not asked for more messages.
const RETRY_PAUSES: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_millis(1600),
    Duration::from_millis(6400),
];

/// The pause after a failure that is not retried. The message is redelivered, and
/// while the broker fails that must not happen in a tight loop.
const PAUSE_BEFORE_REDELIVERY: Duration = Duration::from_secs(5);

/// What a dead letter needs if the broker does not store dead letters.
pub(super) struct DeadLetterDraft {
    message: Arc<Message>,
    published: SystemTime,
    history: AttemptHistory,
}

impl DeadLetterDraft {
    /// Returns `None` if the broker stores dead letters itself.
    pub(super) fn of(
        message: &Arc<Message>,
        published: SystemTime,
        history: AttemptHistory,
        receipt: &dyn Receipt,
    ) -> Option<Self> {
        let keeps = receipt.capabilities().dead_letters;
        (!keeps).then(|| Self {
            message: message.clone(),
            published,
            history,
        })
    }

    /// Parks the message in the local store until its retry. If that fails, the
    /// message waits at its broker, even if many messages wait there.
    async fn park(
        self,
        after: Duration,
        dead_letters: &dyn DeadLetterStore,
        log: &DeliveryLog<'_>,
    ) -> Settlement {
        let attempts = self.history.attempts(log.attempt);
        let parked = ParkedMessage {
            subscription: log.subscription.to_owned(),
            message: self.message,
            id: log.id.clone(),
            published: self.published,
            attempts: attempts.made,
            tried_for: attempts.over,
            after,
        };
        match dead_letters.park(parked).await {
            Ok(()) => Settlement::Moved,
            Err(error) => {
                log.parking_failed(&error);
                Settlement::Retry(after)
            }
        }
    }
}

/// Settles a message, and returns whether the broker accepted the settlement. If
/// the broker stores no dead letters, a dead letter is durable elsewhere before
/// the broker removes the message.
pub(super) async fn settle(
    receipt: Box<dyn Receipt>,
    settlement: &Settlement,
    draft: Option<DeadLetterDraft>,
    dead_letters: &dyn DeadLetterStore,
    log: &DeliveryLog<'_>,
) -> bool {
    let mut settlement = Cow::Borrowed(settlement);
    match (&*settlement, draft) {
        (Settlement::DeadLetter(letter), Some(draft)) => {
            let given_up = FailedDelivery {
                subscription: log.subscription.to_owned(),
                message: draft.message,
                id: log.id.clone(),
                published: draft.published,
                letter: letter.clone(),
            };
            if let Err(error) = dead_letters.keep(given_up).await {
                log.dead_letter_not_stored(&error);
                // The broker redelivers the message once the receipt is dropped.
                sleep(PAUSE_BEFORE_REDELIVERY).await;
                return false;
            }
        }
        (Settlement::Retry(after), Some(draft)) if receipt.retries_are_full() => {
            settlement = Cow::Owned(draft.park(*after, dead_letters, log).await);
        }
        _ => {}
    }
    let settlement = &*settlement;
    let mut receipt = receipt;
    for pause in RETRY_PAUSES {
        let Err(failed) = receipt.settle(settlement.clone()).await else {
            return true;
        };
        match failed.receipt {
            Some(again) if is_transient(&failed.error) => receipt = again,
            given_back => {
                log.settlement_failed(&failed.error);
                drop(given_back);
                sleep(PAUSE_BEFORE_REDELIVERY).await;
                return false;
            }
        }
        log.settlement_retried(&failed.error, pause);
        sleep(pause).await;
    }
    match receipt.settle(settlement.clone()).await {
        Ok(()) => true,
        Err(failed) => {
            log.settlement_failed(&failed.error);
            false
        }
    }
}

/// Returns whether a later attempt may succeed.
fn is_transient(error: &BrokerError) -> bool {
    match error {
        BrokerError::Full(_) | BrokerError::Unavailable(_) | BrokerError::Timeout => true,
        BrokerError::Refused(_) | BrokerError::TooLarge { .. } => false,
    }
}
