//! The right to settle one delivery; dropped unsettled, it gives the delivery back.

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

    /// Whether the store still takes settlements.
    pub fn check(&self) -> Result<(), StoreFailure> {
        self.shared.check()
    }

    /// Returns whether the delivery may go, as messages of its key can wait
    /// behind a dead letter. One whose turn comes later is settled by the answer.
    pub async fn turn(&mut self, key: &str) -> Result<KeyTurn, StoreFailure> {
        self.shared.check()?;
        let (reply, answer) = oneshot::channel();
        let who = TurnCandidate::Delivery(Arc::clone(&self.feed), self.seq);
        let ask = TurnRequest::new(key, who, reply);
        self.shared.queue.push(Command::Turn(Box::new(ask)))?;
        // The writer answers for the delivery until it has answered.
        self.settled = true;
        let turn = answer.await.unwrap_or(Err(StoreFailure::Closed));
        self.settled = matches!(turn, Ok(KeyTurn::Later));
        turn
    }

    /// Settles the delivery. An acknowledgement is written soon, in a group: lost
    /// with the process, it means a second delivery. The others are durable when
    /// this returns. A full disk is waited for, so that no failure is worth
    /// another try.
    pub async fn settle(mut self, settlement: Settlement) -> Result<(), StoreFailure> {
        self.shared.check()?;
        match settlement {
            Settlement::Delivered | Settlement::Filtered => self.acknowledge(settlement),
            Settlement::Retry(_) | Settlement::DeadLetter(_) | Settlement::Moved => {
                self.settle_durably(settlement).await
            }
        }
    }

    /// Its place in flight is free at once; written soon.
    fn acknowledge(&mut self, settlement: Settlement) -> Result<(), StoreFailure> {
        self.settled = true;
        // Before the writer can be done with it.
        self.feed.settling();
        let pushed = self.push(settlement, None);
        if pushed.is_err() {
            self.feed.settlement_failed(self.seq, false);
        }
        pushed
    }

    /// Its place in flight is free once it is written.
    async fn settle_durably(&mut self, settlement: Settlement) -> Result<(), StoreFailure> {
        let (reply, answer) = oneshot::channel();
        self.push(settlement, Some(reply))?;
        // From here on the writer answers for the delivery.
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
