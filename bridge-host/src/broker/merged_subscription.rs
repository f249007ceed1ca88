//! Two subscriptions as one: a broker's, and the local store's, which delivers replayed dead
//! letters and parked messages of that broker.
//!
//! `local_store` has the second one.

use async_trait::async_trait;

use super::{BrokerError, Incoming, Subscription};

/// The second subscription is polled first once in this many calls, so that it never starves.
/// Polling it first more often would cost time on every call.
const TURNS: u32 = 16;

/// Returns messages of two subscriptions. Each receipt settles its message at its own broker.
pub struct MergedSubscription {
    most: Box<dyn Subscription>,
    few: Box<dyn Subscription>,
    turn: u32,
}

impl MergedSubscription {
    /// Merges two subscriptions. Most messages come from `most`, few from `few`.
    pub fn new(most: Box<dyn Subscription>, few: Box<dyn Subscription>) -> Self {
        Self { most, few, turn: 0 }
    }
}

impl MergedSubscription {
    /// Returns which subscription is polled first this time, and which second.
    fn turns(&mut self) -> (&mut dyn Subscription, &mut dyn Subscription) {
        self.turn = (self.turn + 1) % TURNS;
        match self.turn {
            0 => (&mut *self.few, &mut *self.most),
            _ => (&mut *self.most, &mut *self.few),
        }
    }
}

#[async_trait]
impl Subscription for MergedSubscription {
    async fn next(&mut self) -> Result<Incoming, BrokerError> {
        let (first, second) = self.turns();
        // The future that is not chosen is dropped; both futures are cancel-safe.
        tokio::select! {
            biased;
            incoming = first.next() => incoming,
            incoming = second.next() => incoming,
        }
    }

    async fn next_fresh(&mut self) -> Result<Incoming, BrokerError> {
        let (first, second) = self.turns();
        tokio::select! {
            biased;
            incoming = first.next_fresh() => incoming,
            incoming = second.next_fresh() => incoming,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Always returns an error, which identifies it.
    struct Busy(fn() -> BrokerError);

    #[async_trait]
    impl Subscription for Busy {
        async fn next(&mut self) -> Result<Incoming, BrokerError> {
            Err(self.0())
        }
    }

    struct Silent;

    #[async_trait]
    impl Subscription for Silent {
        async fn next(&mut self) -> Result<Incoming, BrokerError> {
            std::future::pending().await
        }
    }

    async fn gives_few(both: &mut MergedSubscription) -> bool {
        matches!(both.next().await, Err(BrokerError::Timeout))
    }

    #[tokio::test]
    async fn neither_subscription_starves() {
        let most = Busy(|| BrokerError::unavailable(std::fmt::Error));
        let mut both =
            MergedSubscription::new(Box::new(most), Box::new(Busy(|| BrokerError::Timeout)));
        let mut few = 0;
        for _ in 0..3 * TURNS {
            few += u32::from(gives_few(&mut both).await);
        }
        assert_eq!(few, 3);
    }

    #[tokio::test]
    async fn the_second_subscription_is_prompt_while_the_first_is_silent() {
        let mut both =
            MergedSubscription::new(Box::new(Silent), Box::new(Busy(|| BrokerError::Timeout)));
        for _ in 0..2 * TURNS {
            assert!(gives_few(&mut both).await);
        }
    }
}
