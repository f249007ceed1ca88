//! A place in a subscription: takes from the feed, and has it filled.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::clock::{now_ms, time};
use super::feed::Feed;
use super::fetch::{Plan, Row, Turn};
use super::join::Membership;
use super::queue::Command;
use super::receipt::EmbeddedReceipt;
use super::shared::Shared;
use crate::broker::{BrokerError, Chances, Incoming, ReplyTo, Subscription};

pub(super) struct Member {
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

    fn incoming(&self, row: Row) -> Incoming {
        let (shared, feed) = (Arc::clone(&self.shared), Arc::clone(self.feed()));
        let tried_for = row.tried_for(now_ms());
        Incoming {
            message: Arc::new(row.message),
            id: row.id,
            attempt: row.attempts.saturating_add(1),
            tried_for,
            chances: Chances::Open,
            published: time(row.published_at),
            reply_to: ReplyTo::Impossible,
            receipt: Box::new(EmbeddedReceipt::new(shared, feed, row.seq)),
        }
    }
}

/// What cannot be read is settled as what it is kept as.
fn read(shared: Arc<Shared>, feed: Arc<Feed>, turn: Turn, plan: Plan) {
    tokio::task::spawn_blocking(move || {
        let result = shared.read(turn, feed.sub, &plan);
        for one in feed.fetched(plan, result) {
            let seq = one.seq;
            let settled = Command::Settle(one.settle(&feed));
            if shared.queue.push(settled).is_err() {
                feed.given_back(seq);
            }
        }
    });
}

#[async_trait]
impl Subscription for Member {
    async fn next(&mut self) -> Result<Incoming, BrokerError> {
        self.next_of(false).await
    }

    /// Those that were parked wait, a replayed dead letter among them.
    async fn next_fresh(&mut self) -> Result<Incoming, BrokerError> {
        self.next_of(true).await
    }
}

impl Member {
    async fn next_of(&self, only_fresh: bool) -> Result<Incoming, BrokerError> {
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
                return Ok(self.incoming(row));
            }
            // A millisecond more, as times are kept in whole ones.
            let wait = step.wait + Duration::from_millis(1);
            let _ = tokio::time::timeout(wait, changed).await;
        }
    }
}
