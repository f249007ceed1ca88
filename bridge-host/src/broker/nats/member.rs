//! A subscription's messages as they come from JetStream, and which of them
//! are its own.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::error::Outage;
use super::fetched::{Fetched, Pulled};
use super::supply::Supply;
use super::{headers, unreadable};
use crate::broker::{BrokerError, Chances, Incoming, ReplyTo, SubscribeSpec, Subscription};
use crate::message::MessageId;

/// A place in a group; a task supplies what the server has for it.
pub(super) struct Member {
    spec: SubscribeSpec,
    fetched: Arc<Fetched>,
    /// Changes once what supplies it has ended.
    pub(super) ended: watch::Receiver<()>,
    /// Dropped, it ends what supplies it.
    _stop: watch::Sender<()>,
}

impl Member {
    /// Starts what supplies it, which ends once `stop` is dropped.
    pub(super) fn new(
        spec: &SubscribeSpec,
        supply: Supply,
        runtime: &Handle,
        stop: watch::Sender<()>,
    ) -> Self {
        let (alive, ended) = watch::channel(());
        let fetched = supply.fetched();
        runtime.spawn(async move {
            let _alive = alive;
            supply.run().await;
        });
        Self {
            spec: spec.clone(),
            fetched,
            ended,
            _stop: stop,
        }
    }

    /// `None` for what is not, or no more, for this subscription to handle.
    fn incoming(&self, pulled: Pulled) -> Option<Incoming> {
        let Pulled {
            message,
            receipt,
            unread,
        } = pulled;
        if receipt.is_stale() {
            receipt.forget();
            return None;
        }
        let (origin, located) = (receipt.origin, Arc::clone(&receipt.located));
        let topic = message.subject.as_str();
        let ours = self.spec.topics.iter().any(|one| one.matches(topic));
        if !ours {
            receipt.decline();
            return None;
        }
        let mut arrived = headers::decode(topic, message.payload, message.headers.as_ref());
        if arrived.is_for_others(&self.spec.name) {
            receipt.decline();
            return None;
        }
        let id = arrived.id.or_else(|| located.id(origin.sequence));
        let mut chances = located.chances(&origin);
        if let Some(unread) = unread {
            chances = Chances::Spent(format!("the message cannot be read: {}", unread.fault));
            let message = &mut arrived.message;
            message.add_metadata(unreadable::RAW, unread.headers);
        }
        Some(Incoming {
            message: Arc::new(arrived.message),
            id: id.unwrap_or_else(MessageId::generate),
            attempt: u32::try_from(origin.delivered).unwrap_or(1).max(1),
            chances,
            tried_for: None,
            published: origin.published,
            reply_to: ReplyTo::Impossible,
            receipt: Box::new(receipt),
        })
    }
}

#[async_trait]
impl Subscription for Member {
    async fn next(&mut self) -> Result<Incoming, BrokerError> {
        self.next_of(false).await
    }

    async fn next_fresh(&mut self) -> Result<Incoming, BrokerError> {
        self.next_of(true).await
    }
}

impl Member {
    async fn next_of(&mut self, only_fresh: bool) -> Result<Incoming, BrokerError> {
        loop {
            let pulled = tokio::select! {
                biased;
                pulled = self.fetched.next(only_fresh) => pulled,
                _ = self.ended.changed() => return Err(ended()),
            };
            if let Some(incoming) = self.incoming(pulled) {
                return Ok(incoming);
            }
        }
    }
}

/// Nothing ends the task but a fault in it.
fn ended() -> BrokerError {
    Outage::SubscriptionEnded.into()
}

/// What was fetched and not taken is given back at once; what is still on its
/// way, once it came.
impl Drop for Member {
    fn drop(&mut self) {
        self.fetched.give_back();
    }
}
