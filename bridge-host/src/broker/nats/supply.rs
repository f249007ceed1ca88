//! Keeps a subscription supplied with messages: finds or makes its consumer,
//! asks it for messages, and begins anew where that ends.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use super::api::Api;
use super::consumer;
use super::fetched::Fetched;
use super::group::Group;
use super::located::Located;
use super::pull::{End, Pull};
use super::rescue::Rescue;
use super::silence;
use super::watched::Watched;
use crate::broker::BrokerError;

/// Between two attempts to find or make a consumer; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(10);

/// How often a server is asked for what waits for its retry, at most.
const COUNT_EVERY: Duration = Duration::from_millis(500);

/// Asks the server how many messages wait for their retry, while some do.
async fn count_retries(api: &Api, group: &Group, located: &Located) -> Infallible {
    let slots = &group.slots;
    loop {
        slots.retries.used.notified().await;
        sleep(COUNT_EVERY).await;
        // What is not told now is asked for again.
        if let Ok(Some((_, standing))) = consumer::look(&api.context(), located).await {
            let waiting = standing.unacknowledged.saturating_sub(slots.held());
            slots.retries.tell(waiting);
        }
    }
}

/// What supplies a group.
pub(super) struct Supply {
    api: Arc<Api>,
    group: Arc<Group>,
    to: Arc<Fetched>,
    /// How often the connection had broken when unreadable messages were last
    /// looked for, and up to where that was.
    breaks: u64,
    looked: Arc<AtomicU64>,
    /// Closed when the subscription is dropped.
    stop: watch::Receiver<()>,
}

impl Supply {
    pub(super) fn new(api: &Arc<Api>, group: Arc<Group>, stop: watch::Receiver<()>) -> Self {
        Self {
            api: Arc::clone(api),
            group,
            to: Arc::default(),
            breaks: api.link.breaks(),
            looked: Arc::default(),
            stop,
        }
    }

    /// Where it puts what comes.
    pub(super) fn fetched(&self) -> Arc<Fetched> {
        Arc::clone(&self.to)
    }

    /// Finds or makes the consumer. What a server refuses is an error; one that
    /// is not there is waited for.
    pub(super) async fn begin(&self) -> Result<(), BrokerError> {
        match self.group.locate(&self.api).await {
            Err(refused @ BrokerError::Refused(_)) => Err(refused),
            _ => Ok(()),
        }
    }

    /// Keeps the group supplied until it is stopped. What came and was not taken
    /// is given back.
    pub(super) async fn run(mut self) {
        let mut stop = self.stop.clone();
        let mut pause = FIRST_PAUSE;
        loop {
            if self.group.located().is_none() {
                let located = self.group.locate(&self.api).await;
                if let Err(error) = &located {
                    self.group.tell_no_messages(error, pause);
                }
            }
            if let Some(located) = self.group.located() {
                self.rescue(&located).await;
                match self.pull(&located).await {
                    End::Stopped => break,
                    End::Again => pause = FIRST_PAUSE,
                    End::Silent => self.silent(&located).await,
                    End::Consumer(why) => self.group.lost(why),
                }
            }
            let rest = match self.group.located() {
                Some(_) => Duration::ZERO,
                None => pause,
            };
            let resting = async {
                sleep(rest).await;
                self.api.link.connected().await;
            };
            tokio::select! {
                biased;
                _ = stop.changed() => break,
                () = resting => {}
            }
            if !rest.is_zero() {
                pause = LAST_PAUSE.min(pause * 2);
            }
        }
        self.to.give_back();
        // The connection may be this one's alone.
        self.api.link.flush().await;
    }

    async fn pull(&mut self, located: &Arc<Located>) -> End {
        let anew = Notify::new();
        let pull = Pull {
            link: &self.api.link,
            prefix: &self.api.prefix,
            located,
            slots: &self.group.slots,
            to: &self.to,
            silence: &self.group.silence,
            anew: &anew,
        };
        let watched = Watched {
            api: &self.api,
            group: &self.group,
            anew: &anew,
        };
        let most = located.max_ack_pending;
        let most = most.filter(|_| !self.group.spec.ordered);
        self.group.slots.retries.set(most, self.group.slots.most());
        tokio::select! {
            biased;
            end = pull.run(&mut self.stop) => end,
            never = watched.look() => match never {},
            never = count_retries(&self.api, &self.group, located) => match never {},
        }
    }

    async fn silent(&self, located: &Located) {
        match silence::cause(&self.api, located).await {
            Ok(why) => self.group.silence.lasts(why),
            Err(gone) => self.group.lost(gone),
        }
    }

    /// Where the connection broke as at a message that the client cannot read:
    /// finds that message, before more are asked for.
    async fn rescue(&mut self, located: &Arc<Located>) {
        let breaks = self.api.link.breaks();
        if breaks == self.breaks {
            return;
        }
        let rescue = Rescue {
            api: &self.api,
            located,
            slots: &self.group.slots,
            to: &self.to,
            subscription: &self.group.spec.name,
            looked: &self.looked,
        };
        match rescue.run().await {
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
