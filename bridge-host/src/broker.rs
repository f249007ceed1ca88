//! The traits that every broker serves, and the values that cross them. What only
//! some brokers can do is in `abilities`; when to retry is decided in `delivery`.

mod abilities;
mod all;
mod broker_settings;
mod capabilities;
mod connection;
mod dead_letter;
mod dead_letter_topic;
mod descriptor;
pub mod embedded;
mod error;
mod external_dead_letters;
pub mod kit;
mod local_store;
mod merged_subscription;
#[cfg(feature = "nats")]
pub mod nats;
mod option_table;
mod options;
#[cfg(feature = "redis")]
pub mod redis;
mod remaining_attempts;
mod request;

pub use abilities::{DeadLetterTopics, Republish, RequestReply, TurnCheck};
pub use all::ALL;
pub use broker_settings::{
    BrokerSettings, Description, GroupName, Incompatibility, OpenContext, PlannedSubscription,
};
pub use capabilities::Capabilities;
pub use connection::Connection;
pub use dead_letter::DeadLetterStore;
pub use dead_letter_topic::DeadLetterTopic;
pub use descriptor::{Descriptor, SubscriptionOption};
pub use embedded::LOCAL;
pub use error::{BrokerError, Cause, OpenError, Refusal, SizeLimit};
pub use external_dead_letters::ExternalDeadLetters;
pub use kit::dead_letters;
pub use local_store::join_local_group;
pub use merged_subscription::MergedSubscription;
pub use option_table::all_options;
pub use options::{OptionValue, Options, option};
pub use remaining_attempts::RemainingAttempts;
pub use request::{Reply, ReplyTo, Request, Requester};

pub use crate::store::{
    DeadLetter, DeadLetterFilter, FailedDelivery, KeptDeadLetter, KeyTurn, KeyedMessage,
    ParkedMessage, Published, Settlement, Start,
};

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;

use crate::message::{Message, MessageId, TopicPattern};
use crate::store::Store;

/// Where messages come from and go to.
#[async_trait]
pub trait Broker: Send + Sync {
    /// What this broker can do: plain data, the same for its lifetime.
    fn capabilities(&self) -> Capabilities;

    /// Joins the group named in `spec`, creating it where it does not exist.
    async fn subscribe(&self, spec: SubscribeSpec) -> Result<Box<dyn Subscription>, BrokerError>;

    /// Creates the group where it does not exist, so that messages published
    /// from now on are kept until it is joined. Returns `false` if the broker
    /// keeps messages only for groups that have joined.
    async fn announce(&self, _spec: SubscribeSpec) -> Result<bool, BrokerError> {
        Ok(false)
    }

    /// Returns once the message is durable, or confirmed by the broker. An
    /// `id` that was seen on this topic within the deduplication window is not
    /// kept twice.
    async fn publish(
        &self,
        message: Message,
        id: Option<MessageId>,
    ) -> Result<Published, BrokerError> {
        self.enqueue(message, id).await?.await
    }

    /// Returns once the message has its place: those that are handed over one
    /// after another keep that order, and what [`Broker::publish`] returns of
    /// each comes later.
    async fn enqueue(
        &self,
        message: Message,
        id: Option<MessageId>,
    ) -> Result<Confirmation, BrokerError>;

    /// Requests and replies, where the broker has them.
    fn requests(&self) -> Option<&dyn RequestReply> {
        None
    }

    /// Topics for dead letters, where the broker can keep what is published on
    /// one.
    fn dead_letter_topics(&self) -> Option<&dyn DeadLetterTopics> {
        None
    }

    /// The way back for a dead letter's message, where it can be published for
    /// one group alone.
    fn republish(&self) -> Option<&dyn Republish> {
        None
    }

    /// The local store that it keeps its messages in, with their ledger and their
    /// dead letters; `None` for a broker elsewhere.
    fn store(&self) -> Option<&Arc<Store>> {
        None
    }

    /// Why messages cannot be taken or given now, in one line for the operator.
    fn trouble(&self) -> Option<String> {
        None
    }

    /// How many messages wait for the group of this name or are under way in
    /// it, on all hosts, where the broker can tell.
    async fn pending(&self, _group: &str) -> Option<u64> {
        None
    }

    /// Sends what is still to be sent, and is done.
    async fn close(&self);
}

/// Completes once a message is durable, or confirmed by the broker.
pub type Confirmation = Pin<Box<dyn Future<Output = Result<Published, BrokerError>> + Send>>;

/// A place in a group: its messages come here one by one.
#[async_trait]
pub trait Subscription: Send {
    /// Waits for the next message. Cancel-safe; not calling it is the
    /// back-pressure.
    async fn next(&mut self) -> Result<Incoming, BrokerError>;

    /// Returns the next message that was not attempted before; redelivered
    /// messages wait until [`Subscription::next`] is called. A broker that cannot
    /// tell them apart returns either.
    async fn next_fresh(&mut self) -> Result<Incoming, BrokerError> {
        self.next().await
    }
}

/// The right to say what became of one message. Dropped unsettled, it means
/// redelivery, without counting an attempt.
#[async_trait]
pub trait Receipt: Send {
    /// What the broker that gave this message can do.
    fn capabilities(&self) -> Capabilities;

    /// Keeps the message from being given to another for this much longer.
    async fn extend(&mut self, lease: Duration) -> Result<(), BrokerError>;

    /// Asks whether it is this message's turn, where the broker keeps dead
    /// letters itself; [`DeadLetterStore::turn`] answers for the others.
    fn turn_check(&mut self) -> Option<&mut dyn TurnCheck> {
        None
    }

    /// Returns whether the messages that wait for their retry at the broker have
    /// used up their room: one more would take room from new messages, and is
    /// better parked elsewhere ([`DeadLetterStore::park`]).
    fn retries_are_full(&self) -> bool {
        false
    }

    /// A newer receipt for the same message has its place: nothing is said of
    /// the message.
    fn superseded(self: Box<Self>) {}

    /// Settles the message; a retry and a dead letter are durable when this
    /// returns. A failure brings the receipt back where the broker keeps the
    /// message leased, so that it can be tried again.
    async fn settle(self: Box<Self>, settlement: Settlement) -> Result<(), Unsettled>;
}

/// A message that was not settled.
#[derive(thiserror::Error)]
#[error("{error}")]
pub struct Unsettled {
    /// Why not.
    pub error: BrokerError,
    /// To try again with, where the broker keeps the message leased.
    pub receipt: Option<Box<dyn Receipt>>,
}

impl fmt::Debug for Unsettled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl From<BrokerError> for Unsettled {
    /// The message is given up for redelivery.
    fn from(error: BrokerError) -> Self {
        Self {
            error,
            receipt: None,
        }
    }
}

/// What a subscription asks of its broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscribeSpec {
    /// The group: subscriptions of one name share its messages.
    pub name: String,
    /// A message on a topic that any of these selects is delivered.
    pub topics: Vec<TopicPattern>,
    /// Where it begins, if the broker has no such group.
    pub start: Start,
    /// Nothing overtakes: while one message waits for its retry, so do those
    /// behind it.
    pub ordered: bool,
    /// The longest wait before a retry.
    pub longest_wait: Duration,
    /// So many are under way at once in this process; brokers that are asked
    /// for messages over a network fetch for so many.
    pub in_flight: usize,
}

/// A message on its way through one subscription.
pub struct Incoming {
    /// The message itself. Whoever keeps it for later shares it.
    pub message: Arc<Message>,
    /// The same on every attempt and after a restart.
    pub id: MessageId,
    /// Counts from 1, across restarts.
    pub attempt: u32,
    /// How long ago its first attempt ended, where the broker keeps that.
    pub tried_for: Option<Duration>,
    /// Whether there can be another attempt after this one.
    pub remaining_attempts: RemainingAttempts,
    /// When the broker took it.
    pub published: SystemTime,
    /// Where replies to it go.
    pub reply_to: ReplyTo,
    /// To settle it with.
    pub receipt: Box<dyn Receipt>,
}
