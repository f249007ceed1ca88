//! The local store behind the traits of `broker`: a subscription to the messages that it
//! delivers, and the storage of dead letters for brokers that keep none.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{
    AskTurn, BrokerError, Capabilities, Chances, DeadLetters, GivenUp, Incoming, Parked, Receipt,
    ReplyTo, Settlement, SizeLimit, Start, Subscription, Turn, Unsettled, Waiting,
};
use crate::store::{Claim, Failure, GroupSpec, Member, Store};

/// The capabilities of a broker whose messages are in the local store.
pub const CAPABILITIES: Capabilities = Capabilities {
    durable: true,
    at_least_once: true,
    delayed_retry: true,
    dead_letters: true,
    letter_topics: false,
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
pub async fn replays(
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
    Ok(Box::new(Stored(store.join(spec).await?)))
}

/// A subscription to the messages that the local store delivers to a group.
pub(super) struct Stored(pub(super) Member);

impl Stored {
    async fn next_of(&self, only_fresh: bool) -> Result<Incoming, BrokerError> {
        let taken = self.0.next(only_fresh).await?;
        Ok(Incoming {
            message: Arc::new(taken.message),
            id: taken.id,
            attempt: taken.attempts.saturating_add(1),
            tried_for: taken.tried_for,
            chances: Chances::Open,
            published: taken.published,
            reply_to: ReplyTo::Impossible,
            receipt: Box::new(StoredReceipt(taken.claim)),
        })
    }
}

#[async_trait]
impl Subscription for Stored {
    async fn next(&mut self) -> Result<Incoming, BrokerError> {
        self.next_of(false).await
    }

    async fn next_fresh(&mut self) -> Result<Incoming, BrokerError> {
        self.next_of(true).await
    }
}

struct StoredReceipt(Claim);

#[async_trait]
impl Receipt for StoredReceipt {
    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    /// Does nothing: the message belongs to this process for as long as the process runs.
    async fn extend(&mut self, _lease: Duration) -> Result<(), BrokerError> {
        Ok(self.0.check()?)
    }

    fn turns(&mut self) -> Option<&mut dyn AskTurn> {
        Some(self)
    }

    async fn settle(self: Box<Self>, settlement: Settlement) -> Result<(), Unsettled> {
        let settled = self.0.settle(settlement).await;
        settled.map_err(|failure| BrokerError::from(failure).into())
    }
}

#[async_trait]
impl AskTurn for StoredReceipt {
    async fn turn(&mut self, key: &str) -> Result<Turn, BrokerError> {
        Ok(self.0.turn(key).await?)
    }
}

#[async_trait]
impl DeadLetters for Store {
    async fn keep(&self, given_up: GivenUp) -> Result<(), BrokerError> {
        Ok(Store::keep(self, given_up).await?)
    }

    async fn turn(&self, waiting: Waiting) -> Result<Turn, BrokerError> {
        Ok(Store::turn(self, waiting).await?)
    }

    async fn park(&self, parked: Parked) -> Result<(), BrokerError> {
        Ok(Store::park(self, parked).await?)
    }
}

impl From<Failure> for BrokerError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NoSpace(_)
            | Failure::DiskFull(_)
            | Failure::RetentionFull { .. }
            | Failure::QuotaFull { .. } => Self::full(failure),
            Failure::TooLarge { size, max } => Self::TooLarge {
                size,
                max,
                limit: SIZE,
            },
            Failure::Topic(_) | Failure::Metadata(_) | Failure::OpenAlready(_) => {
                Self::refused(failure)
            }
            Failure::Closed
            | Failure::Stopped { .. }
            | Failure::Damaged { .. }
            | Failure::Locked(_)
            | Failure::NotWritten(_)
            | Failure::NotRead { .. }
            | Failure::NotOpened(_) => Self::unavailable(failure),
        }
    }
}
