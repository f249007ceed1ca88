//! A subscription to the local store whose dead letters are kept elsewhere: a parked message
//! of another broker becomes a dead letter in the same storage as the subscription's
//! other dead letters.

use std::time::Duration;

use async_trait::async_trait;

use super::{BrokerError, Capabilities, Incoming, Receipt, Settlement, Subscription, Unsettled};

/// Passes on messages of the wrapped subscription, with receipts that keep no dead letters.
pub struct ExternalDeadLetters(Box<dyn Subscription>);

impl ExternalDeadLetters {
    /// Wraps a subscription.
    pub fn new(subscription: Box<dyn Subscription>) -> Self {
        Self(subscription)
    }
}

#[async_trait]
impl Subscription for ExternalDeadLetters {
    async fn next(&mut self) -> Result<Incoming, BrokerError> {
        Ok(without_letters(self.0.next().await?))
    }

    async fn next_fresh(&mut self) -> Result<Incoming, BrokerError> {
        Ok(without_letters(self.0.next_fresh().await?))
    }
}

fn without_letters(incoming: Incoming) -> Incoming {
    Incoming {
        receipt: Box::new(WithoutLetters(incoming.receipt)),
        ..incoming
    }
}

struct WithoutLetters(Box<dyn Receipt>);

#[async_trait]
impl Receipt for WithoutLetters {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            dead_letters: false,
            ..self.0.capabilities()
        }
    }

    async fn extend(&mut self, lease: Duration) -> Result<(), BrokerError> {
        self.0.extend(lease).await
    }

    fn retries_are_full(&self) -> bool {
        self.0.retries_are_full()
    }

    fn superseded(self: Box<Self>) {
        self.0.superseded();
    }

    /// The dead letter is kept already when this is called.
    async fn settle(self: Box<Self>, settlement: Settlement) -> Result<(), Unsettled> {
        let settlement = match settlement {
            Settlement::DeadLetter(_) => Settlement::Moved,
            other => other,
        };
        let settled = self.0.settle(settlement).await;
        settled.map_err(|unsettled| Unsettled {
            error: unsettled.error,
            receipt: unsettled
                .receipt
                .map(|receipt| Box::new(Self(receipt)) as Box<dyn Receipt>),
        })
    }
}
