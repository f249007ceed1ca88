//! A place in a subscription: takes from the feed, and has it filled.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;

use super::claim::Claim;
use super::clock::{now_ms, time};
use super::error::Failure;
use super::feed::Feed;
use super::join::Membership;
use super::letters::DeadLetter;
use super::queue::Command;
use super::readers::Turn;
use super::rows::{Plan, Row, Unreadable};
use super::settle::{Settle, Settlement};
use super::shared::Shared;
use crate::message::{Message, MessageId};

/// A place in a group: takes its messages one by one.
pub struct Member {
    shared: Arc<Shared>,
    membership: Membership,
}

impl Member {
    pub(super) fn new(shared: Arc<Shared>, membership: Membership) -> Self {
        Self { shared, membership }
    }

    fn feed(&self) -> &Arc<Feed> {
        self.membership.feed()
    }

    /// Goes on when the asking future is dropped: what it reads is shared.
    fn fetch(&self, plan: Plan) {
        let (shared, feed) = (Arc::clone(&self.shared), Arc::clone(self.feed()));
        match shared.readers.turn_now() {
            Some(turn) => read(shared, feed, turn, plan),
            None => {
                tokio::spawn(async move {
                    if let Some(turn) = shared.readers.turn().await {
                        read(shared, feed, turn, plan);
                    }
                });
            }
        }
    }

    fn taken(&self, row: Row) -> Taken {
        let (shared, feed) = (Arc::clone(&self.shared), Arc::clone(self.feed()));
        let tried_for = row.tried_for(now_ms());
        Taken {
            message: row.message,
            id: row.id,
            attempts: row.attempts,
            tried_for,
            published: time(row.published_at),
            claim: Claim::new(shared, feed, row.seq),
        }
    }
}

/// A delivery as it leaves the store.
pub struct Taken {
    /// The message itself.
    pub message: Message,
    /// The same on every attempt.
    pub id: MessageId,
    /// How many attempts were made before.
    pub attempts: u32,
    /// How long ago the first of them ended.
    pub tried_for: Option<Duration>,
    /// When the message was published.
    pub published: SystemTime,
    /// To settle it with.
    pub claim: Claim,
}

/// What cannot be read is settled as what it is kept as.
fn read(shared: Arc<Shared>, feed: Arc<Feed>, turn: Turn, plan: Plan) {
    tokio::task::spawn_blocking(move || {
        let result = shared.read(turn, feed.sub, &plan);
        for one in feed.fetched(plan, result) {
            let seq = one.seq;
            let settled = Command::Settle(give_up(one, &feed));
            if shared.queue.push(settled).is_err() {
                feed.given_back(seq);
            }
        }
    });
}

/// Gives it up. Whoever reads counts as having it in flight.
fn give_up(unreadable: Unreadable, feed: &Arc<Feed>) -> Settle {
    let Unreadable { seq, attempts, why } = unreadable;
    tracing::error!(
        subscription = feed.name,
        seq,
        "a message cannot be read, and becomes a dead letter: {why}"
    );
    Settle {
        feed: Arc::clone(feed),
        seq,
        settlement: Settlement::DeadLetter(DeadLetter {
            reason: format!("the stored message cannot be read: {why}"),
            status: None,
            attempts,
            backtrace: None,
            key: None,
        }),
        // It is in flight until it is written.
        reply: Some(oneshot::channel().0),
        failures: 0,
    }
}

impl Member {
    /// Waits for the next message. With `only_fresh`, messages that were parked
    /// wait, a replayed dead letter among them. Cancel-safe.
    pub async fn next(&self, only_fresh: bool) -> Result<Taken, Failure> {
        loop {
            self.shared.check()?;
            let mut changed = std::pin::pin!(self.feed().changed.notified());
            changed.as_mut().enable();
            if self.shared.is_stalled() {
                changed.await;
                continue;
            }
            let step = self.feed().step(now_ms(), only_fresh)?;
            if let Some(plan) = step.fetch {
                self.fetch(plan);
            }
            if let Some(row) = step.row {
                return Ok(self.taken(row));
            }
            // A millisecond more, as times are kept in whole ones.
            let wait = step.wait + Duration::from_millis(1);
            let _ = tokio::time::timeout(wait, changed).await;
        }
    }
}
