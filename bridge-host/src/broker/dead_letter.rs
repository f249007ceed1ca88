//! The storage of dead letters for brokers that keep none: the local store (`local_store`),
//! or a topic (`dead_letter_topic`).

use async_trait::async_trait;

use super::{BrokerError, FailedDelivery, KeyTurn, KeyedMessage, ParkedMessage};

/// Keeps the dead letters of brokers that keep none.
#[async_trait]
pub trait DeadLetterStore: Send + Sync {
    /// Keeps a dead letter, and returns once it is durable. A dead letter that is kept
    /// already is not kept again, so that a crash before the settlement leaves one.
    async fn keep(&self, given_up: FailedDelivery) -> Result<(), BrokerError>;

    /// Returns whether the message may be delivered now. If not, it is kept when this
    /// returns, and is delivered from here when its turn comes.
    async fn turn(&self, waiting: KeyedMessage) -> Result<KeyTurn, BrokerError>;

    /// Parks a message that waits for its retry, and delivers it from here when the
    /// retry is due. Returns once the message is durable. A message that is parked
    /// already is not changed.
    async fn park(&self, parked: ParkedMessage) -> Result<(), BrokerError>;
}
