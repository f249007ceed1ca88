//! A subscription to core NATS: takes messages of a queue group, and keeps those that wait for a retry
//! in memory. `core` is the broker.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_nats::{Message as NatsMessage, SubscribeError, Subscriber};
use async_trait::async_trait;
use futures_util::stream::{SelectAll, select_all};
use futures_util::{FutureExt, StreamExt};
use tokio::time::{Instant, sleep_until};

use super::client::ReconnectingClient;
use super::dropped::DropCounter;
use super::{CORE_CAPABILITIES, error, headers, request, subject};
use crate::broker::kit::retry_queue::{QueuedRetry, RetryQueue};
use crate::broker::{
    BrokerError, Capabilities, Incoming, Receipt, RemainingAttempts, ReplyTo, Settlement,
    SubscribeSpec, Subscription, Unsettled,
};
use crate::message::MessageId;

/// A subscription to core NATS: a member of a queue group.
pub(super) struct CoreSubscription {
    name: String,
    group: String,
    subjects: Vec<String>,
    connection: Arc<ReconnectingClient>,
    waiting: Arc<RetryQueue>,
    arrived: SelectAll<Subscriber>,
    gave_retry: bool,
    dropped: Arc<DropCounter>,
    /// Whether all messages that arrived were taken.
    is_idle: bool,
}

impl CoreSubscription {
    /// Creates a subscription, which has not joined its queue group.
    pub(super) fn new(
        spec: SubscribeSpec,
        connection: &Arc<ReconnectingClient>,
        dropped: &Arc<DropCounter>,
    ) -> Result<Self, BrokerError> {
        Ok(Self {
            group: subject::legal_name(&spec.name),
            subjects: subject::subjects(&spec.topics)?,
            name: spec.name,
            connection: Arc::clone(connection),
            waiting: RetryQueue::new(spec.ordered),
            arrived: SelectAll::new(),
            gave_retry: false,
            dropped: Arc::clone(dropped),
            is_idle: false,
        })
    }

    /// Returns the subjects of the subscription.
    pub(super) fn subjects(&self) -> &[String] {
        &self.subjects
    }
}

impl Drop for CoreSubscription {
    fn drop(&mut self) {
        self.dropped.subscription_ended(self.is_idle);
    }
}

impl CoreSubscription {
    /// Subscribes with the current client.
    pub(super) async fn join(&mut self) -> Result<(), BrokerError> {
        let client = self.connection.session();
        let mut subscribers = Vec::new();
        for subject in &self.subjects {
            let joined = client.queue_subscribe(subject.clone(), self.group.clone());
            let refused = |error: SubscribeError| error::Refusal::Subscribe(error.to_string());
            subscribers.push(joined.await.map_err(refused)?);
        }
        self.arrived = select_all(subscribers);
        Ok(())
    }

    fn incoming(&self, kept: QueuedRetry) -> Incoming {
        Incoming {
            message: kept.message.clone(),
            id: kept.id.clone(),
            attempt: kept.attempt,
            tried_for: kept.first.map(|first| first.elapsed()),
            remaining_attempts: RemainingAttempts::Unlimited,
            published: kept.published,
            reply_to: kept.reply_to.clone(),
            receipt: Box::new(CoreReceipt {
                waiting: Arc::clone(&self.waiting),
                kept: Some(kept),
            }),
        }
    }

    fn set_idle(&mut self, idle: bool) {
        if self.is_idle != idle {
            self.is_idle = idle;
            self.dropped.set_idle(idle);
        }
    }

    /// While the client drops messages: returns a message that has arrived, or logs the number of
    /// dropped ones.
    fn catch_up(&mut self) -> Option<NatsMessage> {
        match self.arrived.next().now_or_never() {
            Some(arrived) => arrived,
            None => {
                self.set_idle(true);
                self.dropped.log_dropped(&self.connection);
                None
            }
        }
    }

    /// Returns `None` for a message that this subscription does not handle.
    fn accept(&mut self, arrived: NatsMessage) -> Option<Incoming> {
        self.set_idle(false);
        self.dropped.record_taken();
        let topic = arrived.subject.as_str();
        let inbox = arrived.reply;
        let arrived = headers::decode(topic, arrived.payload, arrived.headers.as_ref());
        if arrived.is_for_others(&self.name) {
            return None;
        }
        // The inbox of a replayed message belongs to the client that replays it.
        let inbox = inbox.filter(|_| !arrived.is_replayed());
        let reply_to = request::reply_to_inbox(&self.connection, inbox);
        self.waiting.took_new();
        Some(self.incoming(QueuedRetry {
            message: Arc::new(arrived.message),
            id: arrived.id.unwrap_or_else(MessageId::generate),
            attempt: 1,
            first: None,
            published: SystemTime::now(),
            reply_to,
        }))
    }
}

#[async_trait]
impl Subscription for CoreSubscription {
    async fn next(&mut self) -> Result<Incoming, BrokerError> {
        // Retries and new messages take turns.
        self.gave_retry = !self.gave_retry;
        if !self.gave_retry
            && let Some(incoming) = self.next_arrived()
        {
            return Ok(incoming);
        }
        self.next_of(false).await
    }

    async fn next_fresh(&mut self) -> Result<Incoming, BrokerError> {
        self.next_of(true).await
    }
}

impl CoreSubscription {
    /// Returns a message that has arrived.
    fn next_arrived(&mut self) -> Option<Incoming> {
        if !self.waiting.has_room() {
            return None;
        }
        let arrived = self.arrived.next().now_or_never()??;
        self.accept(arrived)
    }

    async fn next_of(&mut self, only_fresh: bool) -> Result<Incoming, BrokerError> {
        loop {
            let due = match only_fresh {
                true => None,
                false => match self.waiting.take() {
                    Ok(kept) => return Ok(self.incoming(kept)),
                    Err(due) => due,
                },
            };
            let room = self.waiting.has_room();
            if room
                && self.connection.is_dropping()
                && let Some(arrived) = self.catch_up()
            {
                match self.accept(arrived) {
                    Some(incoming) => return Ok(incoming),
                    None => continue,
                }
            }
            self.set_idle(room);
            let until = due.unwrap_or_else(tokio::time::Instant::now);
            tokio::select! {
                arrived = self.arrived.next(), if room => match arrived {
                    Some(arrived) => if let Some(incoming) = self.accept(arrived) {
                        return Ok(incoming);
                    },
                    // The client ended, and another one replaces it.
                    None => {
                        self.connection.connected().await;
                        self.dropped.reset();
                        self.join().await?;
                    }
                },
                () = sleep_until(until), if due.is_some() => {}
                () = self.waiting.changed.notified() => {}
            }
        }
    }
}

struct CoreReceipt {
    waiting: Arc<RetryQueue>,
    /// `None` once the message is settled.
    kept: Option<QueuedRetry>,
}

#[async_trait]
impl Receipt for CoreReceipt {
    fn capabilities(&self) -> Capabilities {
        CORE_CAPABILITIES
    }

    /// Does nothing, because core NATS has no leases.
    async fn extend(&mut self, _lease: Duration) -> Result<(), BrokerError> {
        Ok(())
    }

    /// A request is never parked elsewhere: only this process can send its reply.
    fn retries_are_full(&self) -> bool {
        let kept = self.kept.as_ref();
        let asks = kept.is_some_and(|kept| matches!(kept.reply_to, ReplyTo::Requested(_)));
        !asks && self.waiting.is_half_full()
    }

    async fn settle(mut self: Box<Self>, settlement: Settlement) -> Result<(), Unsettled> {
        let Some(mut kept) = self.kept.take() else {
            return Ok(());
        };
        match settlement {
            Settlement::Delivered
            | Settlement::Filtered
            | Settlement::DeadLetter(_)
            | Settlement::Moved => {}
            Settlement::Retry(after) => {
                kept.attempt = kept.attempt.saturating_add(1);
                kept.first.get_or_insert_with(Instant::now);
                self.waiting.put(kept, after);
            }
        }
        Ok(())
    }
}

impl Drop for CoreReceipt {
    fn drop(&mut self) {
        if let Some(kept) = self.kept.take() {
            self.waiting.put(kept, Duration::ZERO);
        }
        self.waiting.done();
    }
}
