//! Who keeps the dead letters of brokers that keep none: the local store
//! (`stored`), or a topic (`letter_topic`).

use async_trait::async_trait;

use super::{BrokerError, GivenUp, Parked, Turn, Waiting};

/// Keeps the dead letters of brokers that keep none.
#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// Returns once it is durable. One that is kept already is not kept again,
    /// so that a crash between this and the settlement leaves one letter.
    async fn keep(&self, given_up: GivenUp) -> Result<(), BrokerError>;

    /// Whether it is this message's turn. One whose turn comes later is kept
    /// when this returns, and is delivered from here once it may go.
    async fn turn(&self, waiting: Waiting) -> Result<Turn, BrokerError>;

    /// Parks a message that waits for its retry, and delivers it from here when
    /// that is due. Returns once it is durable; one that is here already stays
    /// as it is.
    async fn park(&self, parked: Parked) -> Result<(), BrokerError>;
}
