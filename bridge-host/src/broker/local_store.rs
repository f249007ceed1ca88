//! The local store behind the traits of `broker`: a subscription to the messages that it
//! delivers, and the storage of dead letters for brokers that keep none.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{
    BrokerError, Capabilities, DeadLetterStore, FailedDelivery, Incoming, KeyTurn, KeyedMessage,
    ParkedMessage, Receipt, RemainingAttempts, ReplyTo, Settlement, SizeLimit, Start, Subscription,
    TurnCheck, Unsettled,
};
use crate::store::{Claim, GroupSpec, Member, Store, StoreFailure};

/// The capabilities of a broker whose messages are in the local store.
pub const CAPABILITIES: Capabilities = Capabilities {
    durable: true,
    at_least_once: true,
    delayed_retry: true,
    dead_letters: true,
    dead_letter_topics: false,
    ordered: true,
    deduplicates: true,
    shared: false,
    requests: false,
    lease: None,
};

/// The size limit of a store.
const SIZE: SizeLimit = SizeLimit {
    counted: " of data",
    remedy: "raise `max_message_size`",
};

/// Joins the group of another broker's subscription of this name: it receives only
/// replayed dead letters and parked messages of that subscription.
pub async fn join_local_group(
    store: &Store,
    name: &str,
    ordered: bool,
    longest_wait: Duration,
) -> Result<Box<dyn Subscription>, BrokerError> {
    let spec = GroupSpec {
        name: name.into(),
        topics: Vec::new(),
        start: Start::default(),
        ordered,
        longest_wait,
    };
    Ok(Box::new(StoreSubscription(store.join(spec).await?)))
}

/// A subscription to the messages that the local store delivers to a group.
pub(super) struct StoreSubscription(pub(super) Member);

impl StoreSubscription {
    async fn next_of(&self, only_fresh: bool) -> Result<Incoming, BrokerError> {
        let taken = self.0.next(only_fresh).await?;
        Ok(Incoming {
            message: Arc::new(taken.message),
            id: taken.id,
            attempt: taken.attempts.saturating_add(1),
            tried_for: taken.tried_for,
            remaining_attempts: RemainingAttempts::Unlimited,
            published: taken.published,
            reply_to: ReplyTo::Unsupported,
            receipt: Box::new(StoreReceipt(taken.claim)),
        })
    }
}

#[async_trait]
impl Subscription for StoreSubscription {
    async fn next(&mut self) -> Result<Incoming, BrokerError> {
        self.next_of(false).await
    }

    async fn next_fresh(&mut self) -> Result<Incoming, BrokerError> {
        self.next_of(true).await
    }
}

struct StoreReceipt(Claim);

#[async_trait]
impl Receipt for StoreReceipt {
    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    /// Does nothing: the message belongs to this process for as long as the process runs.
    async fn extend(&mut self, _lease: Duration) -> Result<(), BrokerError> {
        Ok(self.0.check()?)
    }

    fn turn_check(&mut self) -> Option<&mut dyn TurnCheck> {
        Some(self)
    }

    async fn settle(self: Box<Self>, settlement: Settlement) -> Result<(), Unsettled> {
        let settled = self.0.settle(settlement).await;
        settled.map_err(|failure| BrokerError::from(failure).into())
    }
}

#[async_trait]
impl TurnCheck for StoreReceipt {
    async fn turn(&mut self, key: &str) -> Result<KeyTurn, BrokerError> {
        Ok(self.0.turn(key).await?)
    }
}

#[async_trait]
impl DeadLetterStore for Store {
    async fn keep(&self, given_up: FailedDelivery) -> Result<(), BrokerError> {
        Ok(Store::keep(self, given_up).await?)
    }

    async fn turn(&self, waiting: KeyedMessage) -> Result<KeyTurn, BrokerError> {
        Ok(Store::turn(self, waiting).await?)
    }

    async fn park(&self, parked: ParkedMessage) -> Result<(), BrokerError> {
        Ok(Store::park(self, parked).await?)
    }
}

impl From<StoreFailure> for BrokerError {
    fn from(failure: StoreFailure) -> Self {
        match failure {
            StoreFailure::NoSpace(_)
            | StoreFailure::DiskFull(_)
            | StoreFailure::RetentionFull { .. }
            | StoreFailure::QuotaFull { .. } => Self::full(failure),
            StoreFailure::TooLarge { size, max } => Self::TooLarge {
                size,
                max,
                limit: SIZE,
            },
            StoreFailure::Topic(_) | StoreFailure::Metadata(_) | StoreFailure::OpenAlready(_) => {
                Self::refused(failure)
            }
            StoreFailure::Closed
            | StoreFailure::Stopped { .. }
            | StoreFailure::Damaged { .. }
            | StoreFailure::Locked(_)
            | StoreFailure::NotWritten(_)
            | StoreFailure::NotRead { .. }
            | StoreFailure::NotOpened(_) => Self::unavailable(failure),
        }
    }
}
