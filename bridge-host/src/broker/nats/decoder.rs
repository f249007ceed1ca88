//! Decodes JetStream messages: headers, the number of the delivery, and the remaining deliveries.
//!
//! `kit::pulled_subscription` decides whether the subscription takes them.

use super::lease::JetStreamLease;
use super::{headers, unreadable};
use crate::broker::kit::decoded_message::Fault;
use crate::broker::kit::prefetch;
use crate::broker::kit::pulled_subscription::{self, DecodedDelivery};

/// A message as the client returns it.
pub(super) struct PulledMessage {
    pub(super) message: async_nats::Message,
    /// `None` for a message that the client could read.
    pub(super) unread: Option<Box<UnreadableHeaders>>,
}

/// A message that the client could not read.
pub(super) struct UnreadableHeaders {
    /// Why the client could not read it.
    pub(super) fault: &'static str,
    /// All of its headers.
    pub(super) headers: String,
}

/// Fetched messages that wait for a permit.
pub(super) type Prefetch = prefetch::Prefetch<PulledMessage, JetStreamLease>;

pub(super) struct MessageDecoder;

impl pulled_subscription::Decoder for MessageDecoder {
    type Raw = PulledMessage;
    type Lease = JetStreamLease;

    fn decode(&self, raw: PulledMessage, lease: &JetStreamLease) -> DecodedDelivery {
        let PulledMessage { message, unread } = raw;
        let (origin, located) = (&lease.origin, &lease.located);
        let topic = message.subject.as_str();
        let mut arrived = headers::decode(topic, message.payload, message.headers.as_ref());
        if let Some(unread) = unread {
            let message = &mut arrived.message;
            message.add_metadata(unreadable::RAW, unread.headers);
            arrived.fault = Some(Fault {
                reason: unread.fault.into(),
                has_topic: true,
            });
        }
        DecodedDelivery {
            fallback_id: match arrived.id {
                Some(_) => None,
                None => located.id(origin.sequence),
            },
            arrived,
            attempt: origin.delivered,
            remaining_attempts: located.remaining_attempts(origin),
            tried_for: None,
            published: origin.published,
        }
    }
}
