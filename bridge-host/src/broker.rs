//! The traits that every broker implements, and the types in their signatures.
//!
//! What only some brokers can do is in `abilities`. The room `delivery` decides when to retry.

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

/// A broker: the source and destination of messages.
#[async_trait]
pub trait Broker: Send + Sync {
    /// Returns the capabilities of the broker. They never change.
    fn capabilities(&self) -> Capabilities;

    /// Joins the group named in `spec`, and creates the group if it does not exist.
    async fn subscribe(&self, spec: SubscribeSpec) -> Result<Box<dyn Subscription>, BrokerError>;

    /// Creates the group if it does not exist, so that the broker keeps messages for it from now
    /// on. Returns `false` if the broker keeps messages only for groups with a member.
    async fn announce(&self, _spec: SubscribeSpec) -> Result<bool, BrokerError> {
        Ok(false)
    }

    /// Publishes a message. Returns once the message is durable, or confirmed by the broker. A
    /// message is not stored again if its `id` was published on the same topic within the
    /// deduplication window.
    async fn publish(
        &self,
        message: Message,
        id: Option<MessageId>,
    ) -> Result<Published, BrokerError> {
        self.enqueue(message, id).await?.await
    }

    /// Queues a message, and returns a future that completes when the message is durable. Messages
    /// are published in the order of their calls, without waiting for each other.
    async fn enqueue(
        &self,
        message: Message,
        id: Option<MessageId>,
    ) -> Result<Confirmation, BrokerError>;

    /// Returns the requests and replies of the broker, if it supports them.
    fn requests(&self) -> Option<&dyn RequestReply> {
        None
    }

    /// Returns the dead letter topics of the broker, if it can keep messages on a topic.
    fn dead_letter_topics(&self) -> Option<&dyn DeadLetterTopics> {
        None
    }

    /// Returns how to publish the message of a dead letter again, if the broker can publish for one
    /// group only.
    fn republish(&self) -> Option<&dyn Republish> {
        None
    }

    /// Returns the local store in which the broker keeps its messages. `None` for a broker outside
    /// this process.
    fn store(&self) -> Option<&Arc<Store>> {
        None
    }

    /// Returns in one line why the broker does not accept or deliver messages now.
    fn trouble(&self) -> Option<String> {
        None
    }

    /// Returns how many messages of this group wait or are in flight, on all hosts, if the broker
    /// knows.
    async fn pending(&self, _group: &str) -> Option<u64> {
        None
    }

    /// Sends what is queued, and closes the connection.
    async fn close(&self);
}

/// Completes once a message is durable, or confirmed by the broker.
pub type Confirmation = Pin<Box<dyn Future<Output = Result<Published, BrokerError>> + Send>>;

/// A member of a group, which receives messages one by one.
#[async_trait]
pub trait Subscription: Send {
    /// Waits for the next message. Cancel-safe. A caller that does not call it applies
    /// back-pressure.
    async fn next(&mut self) -> Result<Incoming, BrokerError>;

    /// Waits for the next message that was not attempted before. Redelivered messages wait for
    /// [`Subscription::next`]. A broker that cannot distinguish them returns any message.
    async fn next_fresh(&mut self) -> Result<Incoming, BrokerError> {
        self.next().await
    }
}

/// The right to settle one message. If the receipt is dropped, the broker redelivers the message
/// without counting an attempt.
#[async_trait]
pub trait Receipt: Send {
    /// Returns the capabilities of the broker that delivered the message.
    fn capabilities(&self) -> Capabilities;

    /// Extends the lease by this time, so that the broker does not deliver the message to another
    /// host.
    async fn extend(&mut self, lease: Duration) -> Result<(), BrokerError>;

    /// Returns the check of the message's turn, if the broker keeps dead letters itself. For other
    /// brokers, [`DeadLetterStore::turn`] does it.
    fn turn_check(&mut self) -> Option<&mut dyn TurnCheck> {
        None
    }

    /// Returns whether the broker has no room for more waiting retries. Another one would take room
    /// from new messages, so [`DeadLetterStore::park`] should keep it.
    fn retries_are_full(&self) -> bool {
        false
    }

    /// Ends the receipt without settling, because a newer receipt for the same message exists.
    fn superseded(self: Box<Self>) {}

    /// Settles the message. A retry and a dead letter are durable when this returns. If it fails
    /// while the broker still leases the message, the error returns the receipt for another try.
    async fn settle(self: Box<Self>, settlement: Settlement) -> Result<(), Unsettled>;
}

/// The error of a settlement.
#[derive(thiserror::Error)]
#[error("{error}")]
pub struct Unsettled {
    /// Why the settlement failed.
    pub error: BrokerError,
    /// The receipt for another try, if the broker still leases the message.
    pub receipt: Option<Box<dyn Receipt>>,
}

impl fmt::Debug for Unsettled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl From<BrokerError> for Unsettled {
    /// The receipt is dropped, so the broker redelivers the message.
    fn from(error: BrokerError) -> Self {
        Self {
            error,
            receipt: None,
        }
    }
}

/// What a subscription requests from its broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscribeSpec {
    /// The name of the group. Subscriptions with the same name share its messages.
    pub name: String,
    /// The group receives messages on topics that any of these patterns matches.
    pub topics: Vec<TopicPattern>,
    /// The position at which a new group begins.
    pub start: Start,
    /// Whether messages are delivered one by one: they wait behind a message that waits for its
    /// retry.
    pub ordered: bool,
    /// The longest wait before a retry.
    pub longest_wait: Duration,
    /// The most messages in flight in this process. A broker fetches this many.
    pub in_flight: usize,
}

/// A message that a subscription received.
pub struct Incoming {
    /// The message, shared with those who keep it for later.
    pub message: Arc<Message>,
    /// The id of the message, the same on every attempt and after a restart.
    pub id: MessageId,
    /// The number of the attempt, counted from 1 across restarts.
    pub attempt: u32,
    /// The time since the first attempt ended, if the broker keeps it.
    pub tried_for: Option<Duration>,
    /// Whether another attempt is possible after this one.
    pub remaining_attempts: RemainingAttempts,
    /// When the broker accepted the message.
    pub published: SystemTime,
    /// The way for replies to the message.
    pub reply_to: ReplyTo,
    /// Settles the message.
    pub receipt: Box<dyn Receipt>,
}
