//! The right to settle one delivery. Dropped unsettled, it returns the delivery to the feed.
//!
//! `settle` writes the settlement.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::error::StoreFailure;
use super::feed::Feed;
use super::kept_message::KeyTurn;
use super::queue::Command;
use super::settle::{SettleCommand, Settlement};
use super::state::StoreState;
use super::turn::{TurnCandidate, TurnRequest};

/// The right to settle one delivery.
pub struct Claim {
    shared: Arc<StoreState>,
    feed: Arc<Feed>,
    seq: i64,
    settled: bool,
}

impl Claim {
    pub(super) fn new(shared: Arc<StoreState>, feed: Arc<Feed>, seq: i64) -> Self {
        Self {
            shared,
            feed,
            seq,
            settled: false,
        }
    }

    /// Returns an error if the store no longer takes settlements.
    pub fn check(&self) -> Result<(), StoreFailure> {
        self.shared.check()
    }

    /// Returns whether the delivery may be attempted now: messages can wait behind a dead letter of
    /// their key. If the answer is [`KeyTurn::Later`], it has settled the delivery.
    pub async fn turn(&mut self, key: &str) -> Result<KeyTurn, StoreFailure> {
        self.shared.check()?;
        let (reply, answer) = oneshot::channel();
        let who = TurnCandidate::Delivery(Arc::clone(&self.feed), self.seq);
        let ask = TurnRequest::new(key, who, reply);
        self.shared.queue.push(Command::Turn(Box::new(ask)))?;
        // Until the writer answers, it is responsible for the delivery.
        self.settled = true;
        let turn = answer.await.unwrap_or(Err(StoreFailure::Closed));
        self.settled = matches!(turn, Ok(KeyTurn::Later));
        turn
    }

    /// Settles the delivery. An acknowledgement is written later, in a group: if it is lost with
    /// the process, the message is delivered again. All other settlements are durable when this
    /// returns. On a full disk this waits until there is room, so callers need not retry.
    pub async fn settle(mut self, settlement: Settlement) -> Result<(), StoreFailure> {
        self.shared.check()?;
        match settlement {
            Settlement::Delivered | Settlement::Filtered => self.acknowledge(settlement),
            Settlement::Retry(_) | Settlement::DeadLetter(_) | Settlement::Moved => {
                self.settle_durably(settlement).await
            }
        }
    }

    /// Queues an acknowledgement, and frees the slot at once.
    fn acknowledge(&mut self, settlement: Settlement) -> Result<(), StoreFailure> {
        self.settled = true;
        // This comes before the push, because the writer may be quick.
        self.feed.acknowledgement_queued();
        let pushed = self.push(settlement, None);
        if pushed.is_err() {
            self.feed.settlement_failed(self.seq, false);
        }
        pushed
    }

    /// Queues a settlement, and frees the slot once the settlement is written.
    async fn settle_durably(&mut self, settlement: Settlement) -> Result<(), StoreFailure> {
        let (reply, answer) = oneshot::channel();
        self.push(settlement, Some(reply))?;
        // From here on, the writer is responsible for the delivery.
        self.settled = true;
        answer.await.unwrap_or(Err(StoreFailure::Closed))
    }

    fn push(
        &self,
        settlement: Settlement,
        reply: Option<oneshot::Sender<Result<(), StoreFailure>>>,
    ) -> Result<(), StoreFailure> {
        self.shared.queue.push(Command::Settle(SettleCommand {
            feed: Arc::clone(&self.feed),
            seq: self.seq,
            settlement,
            reply,
            failures: 0,
        }))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.settled {
            self.feed.returned(self.seq);
        }
    }
}
