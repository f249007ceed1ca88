//! Fetches the messages of a JetStream subscription: finds or creates its consumer, and requests messages.
//! `kit::supply` decides when to start again.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use super::consumer;
use super::consumer_ref::ConsumerRef;
use super::consumer_watch::ConsumerWatch;
use super::decoder::Prefetch;
use super::group::Group;
use super::jetstream_api::JetStreamApi;
use super::pull::{Pull, PullEnd};
use super::silence;
use super::unreadable_search::UnreadableSearch;
use crate::broker::BrokerError;
use crate::broker::kit::supply::{FetchEnd, Supplier};

/// The shortest interval between two counts of waiting retries.
const COUNT_EVERY: Duration = Duration::from_millis(500);

/// Reads how many messages wait for their retry, while there are any.
async fn count_retries(api: &JetStreamApi, group: &Group, located: &ConsumerRef) -> Infallible {
    let flow = &group.flow;
    loop {
        flow.retries.used.notified().await;
        sleep(COUNT_EVERY).await;
        // After an error, the next count tries again.
        if let Ok(Some((_, standing))) = consumer::inspect(&api.context(), located).await {
            let waiting = standing.unacknowledged.saturating_sub(flow.credit.held());
            flow.retries.set_reported(waiting);
        }
    }
}

/// Supplies a group with messages.
pub(super) struct Supply {
    api: Arc<JetStreamApi>,
    group: Arc<Group>,
    to: Arc<Prefetch>,
    /// The number of breaks of the connection at the last search for unreadable messages, and the
    /// stream sequence up to which it searched.
    breaks: u64,
    searched_up_to: Arc<AtomicU64>,
}

impl Supply {
    pub(super) fn new(api: &Arc<JetStreamApi>, group: Arc<Group>) -> Self {
        Self {
            api: Arc::clone(api),
            group,
            to: Arc::default(),
            breaks: api.connection.breaks(),
            searched_up_to: Arc::default(),
        }
    }

    /// Returns the prefetch that the fetched messages go to.
    pub(super) fn prefetch(&self) -> Arc<Prefetch> {
        Arc::clone(&self.to)
    }

    /// Finds or creates the consumer. A refusal by the server is an error; an unreachable server is
    /// not, because the group is joined later.
    pub(super) async fn begin(&self) -> Result<(), BrokerError> {
        BrokerError::only_refusal(self.group.locate(&self.api).await)
    }

    async fn pull(&self, located: &Arc<ConsumerRef>, stop: &mut watch::Receiver<()>) -> PullEnd {
        let restart = Notify::new();
        let pull = Pull {
            connection: &self.api.connection,
            prefix: &self.api.prefix,
            located,
            flow: &self.group.flow,
            to: &self.to,
            silence: &self.group.presence.silence,
            restart: &restart,
        };
        let watched = ConsumerWatch {
            api: &self.api,
            group: &self.group,
            restart: &restart,
        };
        let most = located.max_ack_pending;
        let most = most.filter(|_| !self.group.spec.ordered);
        let flow = &self.group.flow;
        flow.retries.set(most, flow.credit.most());
        tokio::select! {
            biased;
            end = pull.run(stop) => end,
            never = watched.check() => match never {},
            never = count_retries(&self.api, &self.group, located) => match never {},
        }
    }

    async fn silent(&self, located: &ConsumerRef) {
        match silence::cause(&self.api, located).await {
            Ok(why) => self.group.presence.silence.begin(why),
            Err(gone) => self.group.presence.lost(gone),
        }
    }

    /// After the connection broke: searches for the message that the client cannot read, before the
    /// client receives it again.
    async fn search_unreadable(&mut self, located: &Arc<ConsumerRef>) {
        let breaks = self.api.connection.breaks();
        if breaks == self.breaks {
            return;
        }
        let search_unreadable = UnreadableSearch {
            api: &self.api,
            located,
            flow: &self.group.flow,
            to: &self.to,
            subscription: &self.group.spec.name,
            searched_up_to: &self.searched_up_to,
        };
        match search_unreadable.run().await {
            Ok(()) => self.breaks = breaks,
            Err(error) => tracing::error!(
                subscription = self.group.spec.name,
                stream = located.stream.name,
                %error,
                "the connection broke, as it does at a message with unreadable headers, and the bridge cannot look for that message: \
                 that needs the permission to publish to $JS.API.STREAM.MSG.GET and $JS.API.CONSUMER.INFO"
            ),
        }
    }
}

impl Supplier for Supply {
    fn is_joined(&self) -> bool {
        self.group.presence.located().is_some()
    }

    async fn join(&mut self) -> Result<(), BrokerError> {
        self.group.locate(&self.api).await
    }

    fn log_join_failure(&self, error: &BrokerError, again_in: Duration) {
        self.group.log_no_messages(error, again_in);
    }

    async fn fetch(&mut self, stop: &mut watch::Receiver<()>) -> FetchEnd {
        let Some(located) = self.group.presence.located() else {
            return FetchEnd::Lost;
        };
        self.search_unreadable(&located).await;
        match self.pull(&located, stop).await {
            PullEnd::Stopped => FetchEnd::Stopped,
            PullEnd::Again => FetchEnd::Again,
            PullEnd::Silent => {
                self.silent(&located).await;
                FetchEnd::Lost
            }
            PullEnd::Consumer(why) => {
                self.group.presence.lost(why);
                FetchEnd::Lost
            }
        }
    }

    async fn connected(&self) {
        self.api.connection.connected().await;
    }

    async fn end(self) {
        self.to.give_back();
        // This subscription may be the only one on the connection.
        self.api.connection.flush().await;
    }
}
