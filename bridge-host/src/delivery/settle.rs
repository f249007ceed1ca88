//! From a settlement to a settled receipt, also where the broker fails. What
//! cannot be settled is given back: delivered again, never lost.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::sleep;

use super::log::Story;
use super::tried::Tried;
use crate::broker::{
    BrokerError, DeadLetterStore, FailedDelivery, ParkedMessage, Receipt, Settlement,
};
use crate::message::Message;

/// The pauses after each failure. Their sum is well within a lease. The place
/// in flight is held meanwhile: no broker that has trouble is asked for more.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_millis(1600),
    Duration::from_millis(6400),
];

/// After a failure that is not tried again: the message is delivered again,
/// and as long as the broker has its trouble, that must not go round in haste.
const HOLD: Duration = Duration::from_secs(5);

/// What a dead letter is made of where the broker keeps none.
pub(super) struct Keepsake {
    message: Arc<Message>,
    published: SystemTime,
    tried: Tried,
}

impl Keepsake {
    /// `None` where the broker keeps dead letters itself.
    pub(super) fn of(
        message: &Arc<Message>,
        published: SystemTime,
        tried: Tried,
        receipt: &dyn Receipt,
    ) -> Option<Self> {
        let keeps = receipt.capabilities().dead_letters;
        (!keeps).then(|| Self {
            message: message.clone(),
            published,
            tried,
        })
    }

    /// Has the message wait for its retry in the local store. Where that fails,
    /// it waits at its broker, however crowded that is.
    async fn park(
        self,
        after: Duration,
        dead_letters: &dyn DeadLetterStore,
        story: &Story<'_>,
    ) -> Settlement {
        let attempts = self.tried.until(story.attempt);
        let parked = ParkedMessage {
            subscription: story.subscription.to_owned(),
            message: self.message,
            id: story.id.clone(),
            published: self.published,
            attempts: attempts.made,
            tried_for: attempts.over,
            after,
        };
        match dead_letters.park(parked).await {
            Ok(()) => Settlement::Moved,
            Err(error) => {
                story.not_parked(&error);
                Settlement::Retry(after)
            }
        }
    }
}

/// Whether the broker took the settlement. A dead letter that it does not keep
/// is durable elsewhere before it is asked to forget the message.
pub(super) async fn settle(
    receipt: Box<dyn Receipt>,
    settlement: &Settlement,
    keepsake: Option<Keepsake>,
    dead_letters: &dyn DeadLetterStore,
    story: &Story<'_>,
) -> bool {
    let mut settlement = Cow::Borrowed(settlement);
    match (&*settlement, keepsake) {
        (Settlement::DeadLetter(letter), Some(keepsake)) => {
            let given_up = FailedDelivery {
                subscription: story.subscription.to_owned(),
                message: keepsake.message,
                id: story.id.clone(),
                published: keepsake.published,
                letter: letter.clone(),
            };
            if let Err(error) = dead_letters.keep(given_up).await {
                story.not_kept(&error);
                // The broker delivers it again, once the receipt is dropped.
                sleep(HOLD).await;
                return false;
            }
        }
        (Settlement::Retry(after), Some(keepsake)) if receipt.retries_are_full() => {
            settlement = Cow::Owned(keepsake.park(*after, dead_letters, story).await);
        }
        _ => {}
    }
    let settlement = &*settlement;
    let mut receipt = receipt;
    for pause in PAUSES {
        let Err(failed) = receipt.settle(settlement.clone()).await else {
            return true;
        };
        match failed.receipt {
            Some(again) if passing(&failed.error) => receipt = again,
            given_back => {
                story.not_settled(&failed.error);
                drop(given_back);
                sleep(HOLD).await;
                return false;
            }
        }
        story.settles_again(&failed.error, pause);
        sleep(pause).await;
    }
    match receipt.settle(settlement.clone()).await {
        Ok(()) => true,
        Err(failed) => {
            story.not_settled(&failed.error);
            false
        }
    }
}

/// Whether it may work later.
fn passing(error: &BrokerError) -> bool {
    match error {
        BrokerError::Full(_) | BrokerError::Unavailable(_) | BrokerError::Timeout => true,
        BrokerError::Refused(_) | BrokerError::TooLarge { .. } => false,
    }
}
