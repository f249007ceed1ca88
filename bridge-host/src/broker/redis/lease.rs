//! Settles one delivery in Redis: of an entry that is pending in the group, or of a retry. Also reads an entry.
//! `kit::receipt` decides when to settle.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use redis::Value;

use super::CAPABILITIES;
use super::client::ReconnectingClient;
use super::entry::Entry;
use super::entry_id::EntryId;
use super::error::Outage;
use super::fields;
use super::group::Group;
use super::scripts::{LeasedEntry, acknowledge_retry};
use crate::broker::kit::prefetch;
use crate::broker::kit::pulled_subscription::{self, DecodedDelivery};
use crate::broker::kit::receipt::{Lease, LeasedReceipt};
use crate::broker::{BrokerError, Capabilities, RemainingAttempts, Settlement};
use crate::message::MessageId;

/// How this host got an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DeliverySource {
    /// Read for the first time in the group.
    Fresh,
    /// Claimed from another host. The number counts the deliveries, this one included.
    Abandoned(u64),
    /// Taken from the sorted set of retries.
    Retried(Retried),
}

/// The state of a retry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Retried {
    /// The token of the host that holds the lease.
    pub(super) lease: String,
    /// The number of attempts so far.
    pub(super) made: u64,
    /// When the first attempt ended: milliseconds since 1970, by the server's clock.
    pub(super) first: u64,
    /// The time since then.
    pub(super) tried_for: Duration,
}

/// The lease of one delivery.
pub(super) struct StreamLease {
    client: Arc<ReconnectingClient>,
    group: Arc<Group>,
    entry: EntryId,
    origin: DeliverySource,
}

/// Fetched messages that wait for a permit.
pub(super) type Prefetch = prefetch::Prefetch<Entry, StreamLease>;

impl StreamLease {
    /// Returns the receipt of an entry.
    pub(super) fn receipt(
        client: &Arc<ReconnectingClient>,
        group: &Arc<Group>,
        entry: EntryId,
        origin: DeliverySource,
    ) -> LeasedReceipt<Self> {
        let lease = Self {
            client: Arc::clone(client),
            group: Arc::clone(group),
            entry,
            origin,
        };
        LeasedReceipt::new(lease, Arc::clone(&group.credit))
    }

    fn attempt(&self) -> u64 {
        match &self.origin {
            DeliverySource::Fresh => 1,
            DeliverySource::Abandoned(delivered) => *delivered,
            DeliverySource::Retried(retried) => retried.made + 1,
        }
    }

    fn retried(&self) -> Option<&Retried> {
        match &self.origin {
            DeliverySource::Retried(retried) => Some(retried),
            DeliverySource::Fresh | DeliverySource::Abandoned(_) => None,
        }
    }

    fn leased_entry(&self) -> LeasedEntry<'_> {
        LeasedEntry {
            keys: &self.group.keys,
            group: &self.group.spec.name,
            consumer: &self.group.consumer,
            entry: self.entry,
            lease: self.retried().map(|retried| retried.lease.as_str()),
        }
    }

    fn acknowledge(&self) -> redis::Cmd {
        match self.retried() {
            Some(_) => acknowledge_retry(&self.group.keys, &self.group.spec.name, self.entry),
            None => self.group.ack(&[self.entry]),
        }
    }
}

#[async_trait]
impl Lease for StreamLease {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            lease: Some(self.group.ack_wait),
            ..CAPABILITIES
        }
    }

    fn length(&self) -> Duration {
        self.group.ack_wait
    }

    fn is_redelivery(&self) -> bool {
        self.origin != DeliverySource::Fresh
    }

    async fn extend(&self) -> Result<(), BrokerError> {
        let extended = self.leased_entry().extend(self.group.ack_wait);
        match self.client.query(&extended).await? {
            Value::Int(0) => Err(Outage::NotOurs.into()),
            _ => Ok(()),
        }
    }

    fn post_extension(&self) -> bool {
        let is_up = self.client.is_up();
        if is_up {
            let extended = self.leased_entry().extend(self.group.ack_wait);
            self.client.post(extended, None);
        }
        is_up
    }

    /// Returns after Redis has settled the message. If another host holds the
    /// lease by then, a retry is dropped, because that host decides.
    async fn settle(&self, settlement: &Settlement) -> Result<(), BrokerError> {
        match settlement {
            Settlement::Retry(after) => {
                let first = self.retried().map(|retried| retried.first);
                let retry = self.leased_entry().retry(*after, self.attempt(), first);
                self.client.query(&retry).await?;
            }
            Settlement::Delivered
            | Settlement::Filtered
            | Settlement::DeadLetter(_)
            | Settlement::Moved => {
                self.client.query(&self.acknowledge()).await?;
            }
        }
        Ok(())
    }

    fn decline(&self) {
        self.client.post(self.acknowledge(), None);
    }

    /// Wakes the claim: there may be room for a due message, or this message is due soon.
    fn end(&self, acknowledged: bool) {
        if !acknowledged || self.is_redelivery() {
            self.group.due.notify_one();
        }
    }

    fn give_back(&self, expired: bool) {
        if !expired {
            let given_back = self
                .leased_entry()
                .give_back(self.group.ack_wait, self.attempt());
            let due = Arc::clone(&self.group.due);
            self.client.post(given_back, Some(due));
        }
    }
}

/// Reads entries; holds the key of their stream.
pub(super) struct MessageDecoder(pub(super) String);

impl pulled_subscription::Decoder for MessageDecoder {
    type Raw = Entry;
    type Lease = StreamLease;

    fn decode(&self, raw: Entry, lease: &StreamLease) -> DecodedDelivery {
        let id = raw.id;
        let arrived = fields::decode(raw, &self.0);
        let made_up = || {
            let stream: String = self.0.replace(|c: char| !c.is_ascii_graphic(), "_");
            MessageId::parse(&format!("{stream}-{id}")).ok()
        };
        DecodedDelivery {
            fallback_id: match arrived.id {
                Some(_) => None,
                None => made_up(),
            },
            arrived,
            attempt: lease.attempt(),
            remaining_attempts: RemainingAttempts::Unlimited,
            tried_for: lease.retried().map(|retried| retried.tried_for),
            published: id.time(),
        }
    }
}
