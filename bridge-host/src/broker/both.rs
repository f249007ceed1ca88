//! Two subscriptions as one: a broker's, and the local store's, from which
//! dead letters of that broker are delivered again.

use async_trait::async_trait;

use super::{BrokerError, Incoming, Subscription};

/// Gives what either gives. A receipt settles with whom it came from.
pub struct Both {
    first: Box<dyn Subscription>,
    second: Box<dyn Subscription>,
}

impl Both {
    /// Takes both over.
    pub fn new(first: Box<dyn Subscription>, second: Box<dyn Subscription>) -> Self {
        Self { first, second }
    }
}

#[async_trait]
impl Subscription for Both {
    async fn next(&mut self) -> Result<Incoming, BrokerError> {
        // Whichever is not chosen is dropped, which loses nothing.
        tokio::select! {
            incoming = self.first.next() => incoming,
            incoming = self.second.next() => incoming,
        }
    }
}
