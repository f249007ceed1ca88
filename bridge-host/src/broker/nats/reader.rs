//! Reads JetStream messages: headers, the number of the delivery, and the remaining deliveries.
//! `kit::member` decides whether the subscription takes them.

use super::lease::JetStreamLease;
use super::{headers, unreadable};
use crate::broker::kit::arrived::Fault;
use crate::broker::kit::member::{self, Delivery};
use crate::broker::kit::prefetch;

/// A message as the client returns it.
pub(super) struct Pulled {
    pub(super) message: async_nats::Message,
    /// `None` for a message that the client could read.
    pub(super) unread: Option<Box<Unread>>,
}

/// A message that the client could not read.
pub(super) struct Unread {
    /// Why the client could not read it.
    pub(super) fault: &'static str,
    /// All of its headers.
    pub(super) headers: String,
}

/// Fetched messages that wait for a permit.
pub(super) type Prefetch = prefetch::Prefetch<Pulled, JetStreamLease>;

pub(super) struct Reader;

impl member::Reader for Reader {
    type Raw = Pulled;
    type Lease = JetStreamLease;

    fn read(&self, raw: Pulled, lease: &JetStreamLease) -> Delivery {
        let Pulled { message, unread } = raw;
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
        Delivery {
            fallback_id: match arrived.id {
                Some(_) => None,
                None => located.id(origin.sequence),
            },
            arrived,
            attempt: origin.delivered,
            chances: located.chances(origin),
            tried_for: None,
            published: origin.published,
        }
    }
}
