//! A subscription over a network: takes fetched messages, and acknowledges those that other subscriptions take.
//! A task fetches the messages (`supply`); the broker's [`Decoder`] reads them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::decoded_message::{DecodedMessage, Fault};
use super::prefetch::{Fetched, Prefetch};
use super::receipt::Lease;
use super::supply::{Supplier, supply};
use crate::broker::{
    BrokerError, Incoming, RemainingAttempts, ReplyTo, SubscribeSpec, Subscription,
};
use crate::message::MessageId;

/// One delivery of a message, as the broker reports it.
pub struct DecodedDelivery {
    /// The message, with the id that it came with.
    pub arrived: DecodedMessage,
    /// The id for a message that came without one.
    pub fallback_id: Option<MessageId>,
    /// The number of the attempt, from 1.
    pub attempt: u64,
    /// Whether the broker delivers the message again.
    pub remaining_attempts: RemainingAttempts,
    /// The time since the first attempt ended, if the broker keeps it.
    pub tried_for: Option<Duration>,
    /// When the broker accepted the message.
    pub published: SystemTime,
}

/// Reads messages that a broker's client returns.
pub trait Decoder: Send + 'static {
    /// The client's type for a message.
    type Raw: Send + 'static;
    /// The type of its lease.
    type Lease: Lease;

    /// Reads a message.
    fn decode(&self, raw: Self::Raw, lease: &Self::Lease) -> DecodedDelivery;
}

/// The task that fetches messages has ended.
#[derive(Debug, thiserror::Error)]
#[error("the bridge does not fetch messages for this subscription any more")]
struct SupplyEnded;

/// A member of a group; a task supplies it with messages.
pub struct PulledSubscription<D: Decoder> {
    spec: SubscribeSpec,
    decoder: D,
    prefetch: Arc<Prefetch<D::Raw, D::Lease>>,
    ended: watch::Receiver<()>,
    /// Ends the task when it is dropped.
    _stop: watch::Sender<()>,
}

impl<D: Decoder> PulledSubscription<D> {
    /// Starts the supply, which ends once the member is dropped.
    pub fn new(
        spec: &SubscribeSpec,
        decoder: D,
        prefetch: Arc<Prefetch<D::Raw, D::Lease>>,
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
            decoder,
            prefetch,
            ended,
            _stop: stop,
        }
    }

    /// Returns a receiver that changes when the supply has ended.
    pub fn ended(&self) -> watch::Receiver<()> {
        self.ended.clone()
    }

    /// Returns `None` for a message that is not, or no longer, for this subscription.
    fn incoming(&self, fetched: Fetched<D::Raw, D::Lease>) -> Option<Incoming> {
        let Fetched { raw, receipt } = fetched;
        if receipt.is_expired() {
            receipt.forget();
            return None;
        }
        let delivery = self.decoder.decode(raw, &receipt.lease);
        let DecodedDelivery { arrived, .. } = &delivery;
        let topic = arrived.message.topic.as_str();
        let is_selected = self.spec.topics.iter().any(|one| one.matches(topic));
        let ours = is_selected || arrived.has_no_topic();
        if !ours || arrived.is_for_others(&self.spec.name) {
            receipt.decline();
            return None;
        }
        let remaining_attempts = match delivery.arrived.fault {
            Some(Fault { reason, .. }) => {
                RemainingAttempts::Exhausted(format!("the message cannot be read: {reason}"))
            }
            None => delivery.remaining_attempts,
        };
        let id = delivery.arrived.id.or(delivery.fallback_id);
        Some(Incoming {
            message: Arc::new(delivery.arrived.message),
            id: id.unwrap_or_else(MessageId::generate),
            attempt: u32::try_from(delivery.attempt).unwrap_or(u32::MAX).max(1),
            remaining_attempts,
            tried_for: delivery.tried_for,
            published: delivery.published,
            reply_to: ReplyTo::Unsupported,
            receipt: Box::new(receipt),
        })
    }

    async fn next_of(&mut self, only_fresh: bool) -> Result<Incoming, BrokerError> {
        loop {
            let fetched = tokio::select! {
                biased;
                fetched = self.prefetch.next(only_fresh) => fetched,
                // Only a bug ends the task.
                _ = self.ended.changed() => return Err(BrokerError::unavailable(SupplyEnded)),
            };
            if let Some(incoming) = self.incoming(fetched) {
                return Ok(incoming);
            }
        }
    }
}

#[async_trait]
impl<D: Decoder> Subscription for PulledSubscription<D> {
    async fn next(&mut self) -> Result<Incoming, BrokerError> {
        self.next_of(false).await
    }

    async fn next_fresh(&mut self) -> Result<Incoming, BrokerError> {
        self.next_of(true).await
    }
}

/// Gives back fetched messages that were not taken: those that wait here at once, those in
/// transit when they arrive.
impl<D: Decoder> Drop for PulledSubscription<D> {
    fn drop(&mut self) {
        self.prefetch.give_back();
    }
}
