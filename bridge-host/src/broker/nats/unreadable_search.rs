//! Searches the messages in flight for those that the client cannot read, after the connection
//! broke. They are passed on with their readable parts, to become dead letters.
//!
//! `unreadable` decides which messages these are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::ack_subject::AckSubject;
use super::consumer_flow::ConsumerFlow;
use super::consumer_ref::ConsumerRef;
use super::decoder::{Prefetch, PulledMessage, UnreadableHeaders};
use super::jetstream_api::JetStreamApi;
use super::lease::JetStreamLease;
use super::raw::{self, RawMessage};
use super::{consumer, unreadable};
use crate::broker::BrokerError;
use crate::broker::kit::prefetch::Fetched;

/// A search for unreadable messages of one consumer.
pub(super) struct UnreadableSearch<'a> {
    pub(super) api: &'a JetStreamApi,
    pub(super) located: &'a Arc<ConsumerRef>,
    pub(super) flow: &'a Arc<ConsumerFlow>,
    pub(super) to: &'a Prefetch,
    pub(super) subscription: &'a str,
    /// The stream sequence up to which messages in flight were searched.
    pub(super) searched_up_to: &'a Arc<AtomicU64>,
}

impl UnreadableSearch<'_> {
    /// Searches messages in flight that were not searched before.
    pub(super) async fn run(&self) -> Result<(), BrokerError> {
        let searched_up_to = consumer::inspect(&self.api.context(), self.located).await?;
        let Some((_, standing)) = searched_up_to else {
            return Ok(());
        };
        let before = self.searched_up_to.swap(standing.last, Relaxed);
        let found = self.between(standing.floor.max(before) + 1, standing.last);
        found.await.inspect_err(|_| {
            self.searched_up_to.fetch_min(before, Relaxed);
        })
    }

    async fn between(&self, first: u64, last: u64) -> Result<(), BrokerError> {
        let all = [">".to_owned()];
        let subjects = match self.located.filters.is_empty() {
            true => &all[..],
            false => &self.located.filters,
        };
        let stream = &self.located.stream.name;
        let JetStreamApi {
            connection, prefix, ..
        } = self.api;
        for subject in subjects {
            let mut from = first;
            while from <= last
                && let Some(message) = raw::next(connection, prefix, stream, subject, from).await?
                && message.sequence <= last
            {
                from = message.sequence + 1;
                if let Some(fault) = unreadable::fault(&message) {
                    self.put_unreadable(message, fault);
                }
            }
        }
        Ok(())
    }

    fn put_unreadable(&self, raw: RawMessage, fault: &'static str) {
        let ConsumerRef { stream, name, .. } = &**self.located;
        let (stream, sequence) = (&stream.name, raw.sequence);
        tracing::warn!(
            subscription = self.subscription,
            stream,
            sequence,
            subject = raw.subject,
            "a message cannot be read ({fault}): it becomes a dead letter"
        );
        // The server reads only the stream sequence.
        let reply = format!("$JS.ACK.{stream}.{name}.1.{sequence}.0.0.0");
        let origin = AckSubject {
            sequence,
            delivered: 1,
            consumer_sequence: 0,
            published: raw.published,
        };
        let unread = UnreadableHeaders {
            fault,
            headers: unreadable::shown(&raw.headers),
        };
        let (connection, flow) = (Arc::clone(&self.api.connection), Arc::clone(self.flow));
        let (subject, located) = (reply.clone().into(), Arc::clone(self.located));
        let lease = JetStreamLease::new(connection, flow, subject, origin, located);
        self.to.put(Fetched {
            raw: PulledMessage {
                message: unreadable::to_message(raw, reply.into()),
                unread: Some(Box::new(unread)),
            },
            receipt: lease
                .of_unreadable(Arc::clone(self.searched_up_to))
                .receipt(),
        });
    }
}
