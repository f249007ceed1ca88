//! A subscription's messages as they come from JetStream, and which of them
//! are its own.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::task::JoinHandle;

use super::fetched::{Fetched, Pulled};
use super::headers;
use super::origin::Origin;
use crate::broker::{BrokerError, Incoming, ReplyTo, SubscribeSpec, Subscription};
use crate::message::MessageId;

/// A place in a group; what it asks the server for is supplied by a task.
pub(super) struct Member {
    pub(super) spec: SubscribeSpec,
    pub(super) fetched: Arc<Fetched>,
    pub(super) task: JoinHandle<()>,
}

impl Member {
    /// `None` for what is not, or no more, for this subscription to handle.
    fn incoming(&self, pulled: Pulled) -> Option<Incoming> {
        let Pulled { message, receipt } = pulled;
        if receipt.is_stale() {
            receipt.forget();
            return None;
        }
        let Some(origin) = Origin::of(receipt.subject()) else {
            tracing::warn!(
                subscription = self.spec.name,
                "a message of JetStream does not say where it is from; it comes again"
            );
            return None;
        };
        let (attempt, published) = (origin.delivered, origin.published);
        let topic = message.subject.as_str();
        let ours = self.spec.topics.iter().any(|one| one.matches(topic));
        if !ours {
            receipt.decline();
            return None;
        }
        let arrived = headers::decode(topic, message.payload, message.headers.as_ref());
        if arrived.is_for_others(&self.spec.name) {
            receipt.decline();
            return None;
        }
        let id = arrived.id.or_else(|| {
            let place = format!("{}-{}", origin.stream, origin.sequence);
            MessageId::parse(&place).ok()
        });
        Some(Incoming {
            message: Arc::new(arrived.message),
            id: id.unwrap_or_else(MessageId::generate),
            attempt: u32::try_from(attempt).unwrap_or(1).max(1),
            tried_for: None,
            published,
            reply_to: ReplyTo::Impossible,
            receipt: Box::new(receipt),
        })
    }
}

#[async_trait]
impl Subscription for Member {
    async fn next(&mut self) -> Result<Incoming, BrokerError> {
        loop {
            if self.task.is_finished() {
                return Err(ended());
            }
            let pulled = tokio::select! {
                biased;
                pulled = self.fetched.next() => pulled,
                _ = &mut self.task => return Err(ended()),
            };
            if let Some(incoming) = self.incoming(pulled) {
                return Ok(incoming);
            }
        }
    }
}

/// Nothing ends the task but a fault in it.
fn ended() -> BrokerError {
    BrokerError::Unavailable("the subscription to JetStream ended".into())
}

/// What was fetched and not taken is given back.
impl Drop for Member {
    fn drop(&mut self) {
        self.task.abort();
    }
}
