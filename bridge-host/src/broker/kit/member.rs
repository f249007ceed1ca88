//! A subscription over a network: takes fetched messages, and lets go of those that are not its own.
//! What fetches them runs in a task (`supply`); reading a message is the broker's [`Reader`].

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::arrived::Arrived;
use super::prefetch::{Fetched, Prefetch};
use super::receipt::Lease;
use super::supply::{Supplier, supply};
use crate::broker::{BrokerError, Chances, Incoming, ReplyTo, SubscribeSpec, Subscription};
use crate::message::MessageId;

/// What a broker knows of one delivery of a message.
pub struct Delivery {
    /// The message, and the id that it came with.
    pub arrived: Arrived,
    /// The id of a message that came without one.
    pub fallback_id: Option<MessageId>,
    /// Counts from 1.
    pub attempt: u64,
    /// Whether the broker gives the message again.
    pub chances: Chances,
    /// How long ago the first attempt ended, where the broker keeps that.
    pub tried_for: Option<Duration>,
    /// When the broker took the message.
    pub published: SystemTime,
}

/// Reads messages as a broker's client hands them over.
pub trait Reader: Send + 'static {
    /// A message as the client hands it over.
    type Raw: Send + 'static;
    /// How it is leased.
    type Lease: Lease;

    /// Reads a message.
    fn read(&self, raw: Self::Raw, lease: &Self::Lease) -> Delivery;
}

/// The task that fetches messages is gone.
#[derive(Debug, thiserror::Error)]
#[error("the bridge does not fetch messages for this subscription any more")]
struct SupplyEnded;

/// A member of a group; a task supplies it with messages.
pub struct Member<R: Reader> {
    spec: SubscribeSpec,
    reader: R,
    prefetch: Arc<Prefetch<R::Raw, R::Lease>>,
    ended: watch::Receiver<()>,
    /// Dropped, it ends the task.
    _stop: watch::Sender<()>,
}

impl<R: Reader> Member<R> {
    /// Starts the supply, which ends once the member is dropped.
    pub fn new(
        spec: &SubscribeSpec,
        reader: R,
        prefetch: Arc<Prefetch<R::Raw, R::Lease>>,
        supplier: impl Supplier,
        runtime: &Handle,
    ) -> Self {
        let (alive, ended) = watch::channel(());
        let (stop, stopped) = watch::channel(());
        runtime.spawn(async move {
            let _alive = alive;
            supply(supplier, stopped).await;
        });
        Self {
            spec: spec.clone(),
            reader,
            prefetch,
            ended,
            _stop: stop,
        }
    }

    /// Changes once the supply has ended.
    pub fn ended(&self) -> watch::Receiver<()> {
        self.ended.clone()
    }

    /// `None` for a message that is not, or no longer, for this subscription.
    fn incoming(&self, fetched: Fetched<R::Raw, R::Lease>) -> Option<Incoming> {
        let Fetched { raw, receipt } = fetched;
        if receipt.is_expired() {
            receipt.forget();
            return None;
        }
        let delivery = self.reader.read(raw, &receipt.lease);
        let Delivery { arrived, .. } = &delivery;
        let topic = arrived.message.topic.as_str();
        let ours = self.spec.topics.iter().any(|one| one.matches(topic));
        if !ours || arrived.is_for_others(&self.spec.name) {
            receipt.decline();
            return None;
        }
        let id = delivery.arrived.id.or(delivery.fallback_id);
        Some(Incoming {
            message: Arc::new(delivery.arrived.message),
            id: id.unwrap_or_else(MessageId::generate),
            attempt: u32::try_from(delivery.attempt).unwrap_or(u32::MAX).max(1),
            chances: delivery.chances,
            tried_for: delivery.tried_for,
            published: delivery.published,
            reply_to: ReplyTo::Impossible,
            receipt: Box::new(receipt),
        })
    }

    async fn next_of(&mut self, only_fresh: bool) -> Result<Incoming, BrokerError> {
        loop {
            let fetched = tokio::select! {
                biased;
                fetched = self.prefetch.next(only_fresh) => fetched,
                // Nothing ends the task but a fault in it.
                _ = self.ended.changed() => return Err(BrokerError::unavailable(SupplyEnded)),
            };
            if let Some(incoming) = self.incoming(fetched) {
                return Ok(incoming);
            }
        }
    }
}

#[async_trait]
impl<R: Reader> Subscription for Member<R> {
    async fn next(&mut self) -> Result<Incoming, BrokerError> {
        self.next_of(false).await
    }

    async fn next_fresh(&mut self) -> Result<Incoming, BrokerError> {
        self.next_of(true).await
    }
}

/// Messages that were fetched and not taken are given back at once; those on
/// their way, once they came.
impl<R: Reader> Drop for Member<R> {
    fn drop(&mut self) {
        self.prefetch.give_back();
    }
}
