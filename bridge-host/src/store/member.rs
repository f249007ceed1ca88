//! A member of a subscription: takes deliveries from the feed, and fills the feed when it runs low.
//!
//! `claim` settles a delivery.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;

use super::claim::Claim;
use super::clock::{now_ms, time};
use super::delivery_row::{DeliveryRow, ReadPlan, UnreadableRow};
use super::error::StoreFailure;
use super::feed::Feed;
use super::join::Membership;
use super::kept_message::DeadLetter;
use super::queue::Command;
use super::read_connections::ReadPermit;
use super::settle::{SettleCommand, Settlement};
use super::state::StoreState;
use crate::message::{Message, MessageId};

/// A member of a group, which takes the messages of the group one by one.
pub struct Member {
    shared: Arc<StoreState>,
    membership: Membership,
}

impl Member {
    pub(super) fn new(shared: Arc<StoreState>, membership: Membership) -> Self {
        Self { shared, membership }
    }

    fn feed(&self) -> &Arc<Feed> {
        self.membership.feed()
    }

    /// Fills the feed in the background. It continues when the caller's future is dropped, because
    /// all members share the feed.
    fn fetch(&self, plan: ReadPlan) {
        let (shared, feed) = (Arc::clone(&self.shared), Arc::clone(self.feed()));
        match shared.readers.try_acquire() {
            Some(permit) => read(shared, feed, permit, plan),
            None => {
                tokio::spawn(async move {
                    if let Some(permit) = shared.readers.acquire().await {
                        read(shared, feed, permit, plan);
                    }
                });
            }
        }
    }

    fn taken(&self, row: DeliveryRow) -> TakenDelivery {
        let (shared, feed) = (Arc::clone(&self.shared), Arc::clone(self.feed()));
        let tried_for = row.tried_for(now_ms());
        TakenDelivery {
            message: row.message,
            id: row.id,
            attempts: row.attempts,
            tried_for,
            published: time(row.published_at),
            claim: Claim::new(shared, feed, row.seq),
        }
    }
}

/// A delivery that was taken from the store.
pub struct TakenDelivery {
    /// The message.
    pub message: Message,
    /// The id of the message, the same on every attempt.
    pub id: MessageId,
    /// How many attempts were made before.
    pub attempts: u32,
    /// The time since the first attempt ended.
    pub tried_for: Option<Duration>,
    /// When the message was published.
    pub published: SystemTime,
    /// Settles the delivery.
    pub claim: Claim,
}

/// Runs a read, and settles deliveries that cannot be read as dead letters.
fn read(shared: Arc<StoreState>, feed: Arc<Feed>, permit: ReadPermit, plan: ReadPlan) {
    tokio::task::spawn_blocking(move || {
        let result = shared.read(permit, feed.sub, &plan);
        for one in feed.add_fetched(plan, result) {
            let seq = one.seq;
            let settled = Command::Settle(give_up(one, &feed));
            if shared.queue.push(settled).is_err() {
                feed.returned(seq);
            }
        }
    });
}

/// Returns the command that makes the delivery a dead letter.
fn give_up(unreadable: UnreadableRow, feed: &Arc<Feed>) -> SettleCommand {
    let UnreadableRow { seq, attempts, why } = unreadable;
    tracing::error!(
        subscription = feed.name,
        seq,
        "a message cannot be read, and becomes a dead letter: {why}"
    );
    SettleCommand {
        feed: Arc::clone(feed),
        seq,
        settlement: Settlement::DeadLetter(DeadLetter {
            reason: format!("the stored message cannot be read: {why}"),
            status: None,
            attempts,
            backtrace: None,
            key: None,
        }),
        // With a receiver, the delivery stays in flight until the settlement is written.
        reply: Some(oneshot::channel().0),
        failures: 0,
    }
}

impl Member {
    /// Waits for the next message. With `only_fresh`, parked messages and replayed dead letters are
    /// left out. Cancel-safe.
    pub async fn next(&self, only_fresh: bool) -> Result<TakenDelivery, StoreFailure> {
        loop {
            self.shared.check()?;
            let mut changed = std::pin::pin!(self.feed().changed.notified());
            changed.as_mut().enable();
            if self.shared.is_stalled() {
                changed.await;
                continue;
            }
            let step = self.feed().next(now_ms(), only_fresh)?;
            if let Some(plan) = step.fetch {
                self.fetch(plan);
            }
            if let Some(row) = step.row {
                return Ok(self.taken(row));
            }
            // Times are stored in whole milliseconds, so this waits for one more.
            let wait = step.wait + Duration::from_millis(1);
            let _ = tokio::time::timeout(wait, changed).await;
        }
    }
}
