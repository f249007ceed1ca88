//! Finds the messages at which the client broke: among those that are under
//! way, those that it cannot read. They are handed on with what could be read
//! of them, to be dead letters.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::api::Api;
use super::flow::Flow;
use super::lease::JetStreamLease;
use super::located::Located;
use super::origin::Origin;
use super::raw::{self, RawMessage};
use super::reader::{Prefetch, Pulled, Unread};
use super::{consumer, unreadable};
use crate::broker::BrokerError;
use crate::broker::kit::prefetch::Fetched;

/// Where to look, and where to put what is found.
pub(super) struct Rescue<'a> {
    pub(super) api: &'a Api,
    pub(super) located: &'a Arc<Located>,
    pub(super) flow: &'a Arc<Flow>,
    pub(super) to: &'a Prefetch,
    pub(super) subscription: &'a str,
    /// What is under way was looked through up to this number.
    pub(super) looked: &'a Arc<AtomicU64>,
}

impl Rescue<'_> {
    /// Looks through what is under way and was not looked at yet.
    pub(super) async fn run(&self) -> Result<(), BrokerError> {
        let looked = consumer::look(&self.api.context(), self.located).await?;
        let Some((_, standing)) = looked else {
            return Ok(());
        };
        let before = self.looked.swap(standing.last, Relaxed);
        let found = self.between(standing.floor.max(before) + 1, standing.last);
        found.await.inspect_err(|_| {
            self.looked.fetch_min(before, Relaxed);
        })
    }

    async fn between(&self, first: u64, last: u64) -> Result<(), BrokerError> {
        let all = [">".to_owned()];
        let subjects = match self.located.filters.is_empty() {
            true => &all[..],
            false => &self.located.filters,
        };
        let stream = &self.located.stream.name;
        let Api { link, prefix, .. } = self.api;
        for subject in subjects {
            let mut from = first;
            while from <= last
                && let Some(message) = raw::next(link, prefix, stream, subject, from).await?
                && message.sequence <= last
            {
                from = message.sequence + 1;
                if let Some(fault) = unreadable::fault(&message) {
                    self.hand_on(message, fault);
                }
            }
        }
        Ok(())
    }

    fn hand_on(&self, raw: RawMessage, fault: &'static str) {
        let Located { stream, name, .. } = &**self.located;
        let (stream, sequence) = (&stream.name, raw.sequence);
        tracing::warn!(
            subscription = self.subscription,
            stream,
            sequence,
            subject = raw.subject,
            "a message cannot be read ({fault}): it becomes a dead letter"
        );
        // The server looks at the message's number alone.
        let reply = format!("$JS.ACK.{stream}.{name}.1.{sequence}.0.0.0");
        let origin = Origin {
            sequence,
            delivered: 1,
            of_consumer: 0,
            published: raw.published,
        };
        let unread = Unread {
            fault,
            headers: unreadable::shown(&raw.headers),
        };
        let (link, flow) = (Arc::clone(&self.api.link), Arc::clone(self.flow));
        let (subject, located) = (reply.clone().into(), Arc::clone(self.located));
        let lease = JetStreamLease::new(link, flow, subject, origin, located);
        self.to.put(Fetched {
            raw: Pulled {
                message: unreadable::as_read(raw, reply.into()),
                unread: Some(Box::new(unread)),
            },
            receipt: lease.of_unread(Arc::clone(self.looked)).receipt(),
        });
    }
}
