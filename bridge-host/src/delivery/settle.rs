//! From a settlement to a settled receipt, also where the broker fails. What
//! cannot be settled is given back: delivered again, never lost.

use std::time::Duration;

use tokio::time::sleep;

use super::log::Story;
use crate::broker::{BrokerError, Receipt, Settlement};

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

/// Whether the broker took the settlement.
pub(super) async fn settle(
    receipt: Box<dyn Receipt>,
    settlement: &Settlement,
    story: &Story<'_>,
) -> bool {
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
