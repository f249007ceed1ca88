//! The right to settle one delivery; dropped unsettled, it gives it back.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::feed::Feed;
use super::queue::Command;
use super::settle::Settle;
use super::shared::{Shared, closed};
use crate::broker::{BrokerError, Receipt, Settlement};

pub(super) struct EmbeddedReceipt {
    shared: Arc<Shared>,
    feed: Arc<Feed>,
    seq: i64,
    settled: bool,
}

impl EmbeddedReceipt {
    pub(super) fn new(shared: Arc<Shared>, feed: Arc<Feed>, seq: i64) -> Self {
        Self {
            shared,
            feed,
            seq,
            settled: false,
        }
    }

    /// From here on the writer answers for the delivery.
    fn hand_over(
        &mut self,
        settlement: Settlement,
        reply: Option<oneshot::Sender<Result<(), BrokerError>>>,
    ) -> Result<(), BrokerError> {
        let (feed, seq) = (Arc::clone(&self.feed), self.seq);
        let bare = reply.is_none();
        self.shared.queue.push(Command::Settle(Settle {
            feed,
            seq,
            settlement,
            reply,
        }))?;
        self.settled = true;
        if bare {
            self.feed.settling();
        }
        Ok(())
    }
}

#[async_trait]
impl Receipt for EmbeddedReceipt {
    /// Nothing to do: as long as this process lives the message is its own.
    async fn extend(&mut self, _lease: Duration) -> Result<(), BrokerError> {
        self.shared.check()
    }

    /// An acknowledgement is written soon, in a group: lost with the process,
    /// it means a second delivery. The others are durable when this returns.
    async fn settle(mut self: Box<Self>, settlement: Settlement) -> Result<(), BrokerError> {
        self.shared.check()?;
        match settlement {
            Settlement::Delivered | Settlement::Filtered => self.hand_over(settlement, None),
            Settlement::Retry(_) | Settlement::DeadLetter(_) => {
                let (reply, answer) = oneshot::channel();
                self.hand_over(settlement, Some(reply))?;
                answer.await.unwrap_or_else(|_| Err(closed()))
            }
        }
    }
}

impl Drop for EmbeddedReceipt {
    fn drop(&mut self) {
        if !self.settled {
            self.feed.given_back(self.seq);
        }
    }
}
