//! Fetches the messages of a Redis subscription: new entries, due retries, and entries of dead hosts.
//! `kit::supply` decides when to start again.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use redis::Value;
use tokio::sync::watch;
use tokio::time::{interval, timeout};

use super::client::ReconnectingClient;
use super::entry::{Entry, list, number, text};
use super::error::is_no_group;
use super::group::Group;
use super::lease::{DeliverySource, Prefetch, Retried, StreamLease};
use super::pull::Pull;
use super::scripts::claim;
use super::upkeep::Upkeep;
use crate::broker::BrokerError;
use crate::broker::kit::prefetch::Fetched;
use crate::broker::kit::receipt::extension_interval;
use crate::broker::kit::supply::{FetchEnd, Supplier};

/// The longest time between two claims of due retries and of entries of dead hosts.
const CLAIM_EVERY: Duration = Duration::from_millis(500);

/// The cursor of a search from the first pending entry.
const BEGIN: &str = "0-0";

/// Fetches the messages of a group.
pub(super) struct Supply {
    client: Arc<ReconnectingClient>,
    group: Arc<Group>,
    to: Arc<Prefetch>,
    max_age: Option<Duration>,
    /// Where the next claim continues to search the pending entries.
    cursor: Mutex<String>,
}

impl Supply {
    pub(super) fn new(
        client: &Arc<ReconnectingClient>,
        group: &Arc<Group>,
        max_age: Option<Duration>,
    ) -> Self {
        Self {
            client: Arc::clone(client),
            group: Arc::clone(group),
            to: Arc::default(),
            max_age,
            cursor: Mutex::new(BEGIN.into()),
        }
    }

    /// Returns the prefetch that the fetched messages go to.
    pub(super) fn prefetch(&self) -> Arc<Prefetch> {
        Arc::clone(&self.to)
    }

    /// Joins the group. A permanent refusal by Redis is an error; an unavailable
    /// server is not, because the group is joined later.
    pub(super) async fn begin(&self) -> Result<(), BrokerError> {
        BrokerError::only_refusal(self.group.locate(&self.client).await)
    }

    /// Claims due messages repeatedly, until the group is gone.
    async fn claim_all(&self) -> FetchEnd {
        let every = CLAIM_EVERY.min(self.group.ack_wait / 4);
        loop {
            let next = match self.claim().await {
                Ok(next) => next,
                Err(FetchEnd::Again) => None,
                Err(end) => return end,
            };
            let wait = next.map_or(every, |next| next.min(every));
            let _ = timeout(wait, self.group.due.notified()).await;
        }
    }

    /// Returns how many more redelivered messages may be claimed. They hold no slot
    /// while they wait, so they do not keep new entries from being read.
    fn room(&self) -> usize {
        let (credit, waiting) = (&self.group.credit, self.to.redeliveries());
        match self.group.spec.ordered {
            true => usize::from(credit.held() + waiting == 0),
            false => self.group.spec.in_flight.max(1).saturating_sub(waiting),
        }
    }

    /// Claims due messages. Returns the time until the next retry is due.
    async fn claim(&self) -> Result<Option<Duration>, FetchEnd> {
        let Group {
            keys,
            spec,
            consumer,
            ack_wait,
            ..
        } = &*self.group;
        let room = self.room();
        if room == 0 {
            return Ok(None);
        }
        let cursor = self.cursor.lock().clone();
        let claim = claim(keys, &spec.name, consumer, *ack_wait, room, &cursor);
        let answer = match self.client.try_query(&claim).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) if is_no_group(&error) => {
                let why = "the consumer group is gone".into();
                self.group.presence.lost(why);
                return Err(FetchEnd::Lost);
            }
            // The next claim tries again; the read reports the error.
            Ok(Err(_)) | Err(_) => return Err(FetchEnd::Again),
        };
        let mut answer = list(answer).into_iter();
        let now = answer.next().as_ref().and_then(number).unwrap_or_default();
        for found in answer.next().map(list).unwrap_or_default() {
            self.put(found, now);
        }
        let gone = answer.next().map(list).unwrap_or_default();
        if !gone.is_empty() {
            tracing::warn!(
                subscription = spec.name,
                stream = keys.stream,
                messages = gone.len(),
                "messages were removed from the stream before they were delivered: `max_length` or `max_age` is too small, or someone \
                 trimmed the stream"
            );
        }
        let next = answer.next().as_ref().and_then(number);
        let cursor = answer.next().as_ref().and_then(text);
        *self.cursor.lock() = cursor.unwrap_or_else(|| BEGIN.into());
        Ok(next.map(Duration::from_millis))
    }

    fn put(&self, found: Value, now: u64) {
        let mut parts = list(found).into_iter();
        let Some(entry) = parts.next().and_then(Entry::of) else {
            return;
        };
        let lease = parts.next().as_ref().and_then(text);
        let tried = parts.next().as_ref().and_then(text).unwrap_or_default();
        let mut tried = tried.split(' ').map(|number| number.parse().ok());
        let mut number = || tried.next().flatten();
        let count = number().unwrap_or(1);
        let origin = match lease {
            None => DeliverySource::Abandoned(count),
            Some(lease) => {
                let first = number().unwrap_or(now);
                DeliverySource::Retried(Retried {
                    lease,
                    made: count,
                    first,
                    tried_for: Duration::from_millis(now.saturating_sub(first)),
                })
            }
        };
        let receipt = StreamLease::receipt(&self.client, &self.group, entry.id, origin);
        self.to.put(Fetched {
            raw: entry,
            receipt,
        });
    }

    /// Extends the leases of fetched messages that wait for a permit.
    async fn extend_all(&self) -> Infallible {
        let mut keep = interval(extension_interval(self.group.ack_wait));
        loop {
            keep.tick().await;
            self.to.extend_leases();
        }
    }
}

impl Supplier for Supply {
    fn is_joined(&self) -> bool {
        self.group.presence.located().is_some()
    }

    async fn join(&mut self) -> Result<(), BrokerError> {
        self.group.locate(&self.client).await
    }

    fn log_join_failure(&self, error: &BrokerError, again_in: Duration) {
        tracing::warn!(
            connection = self.client.name,
            subscription = self.group.spec.name,
            %error,
            ?again_in,
            "no messages from Redis yet"
        );
    }

    async fn fetch(&mut self, stop: &mut watch::Receiver<()>) -> FetchEnd {
        let (client, group) = (&self.client, &self.group);
        let pull = Pull {
            client,
            group,
            to: &self.to,
        };
        let upkeep = Upkeep {
            client,
            group,
            max_age: self.max_age,
        };
        tokio::select! {
            biased;
            end = pull.run(stop) => end,
            end = self.claim_all() => end,
            never = upkeep.run() => match never {},
            never = self.extend_all() => match never {},
        }
    }

    async fn connected(&self) {
        self.client.connected().await;
    }

    async fn end(self) {
        self.to.give_back();
        self.group.leave(&self.client);
        // This subscription may be the only one on the connection.
        self.client.flush().await;
    }
}
