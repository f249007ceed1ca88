//! Two subscriptions as one: a broker's, and the local store's, from which
//! dead letters of that broker are delivered again.

use async_trait::async_trait;

use super::{BrokerError, Incoming, Subscription};

/// The one that has less to give goes first once in so many times: neither
/// waits for ever behind the other, and asking costs what one does.
const TURNS: u32 = 16;

/// Gives what either gives. A receipt settles with whom it came from.
pub struct MergedSubscription {
    most: Box<dyn Subscription>,
    few: Box<dyn Subscription>,
    turn: u32,
}

impl MergedSubscription {
    /// Takes both over: one that most messages come from, and one of few.
    pub fn new(most: Box<dyn Subscription>, few: Box<dyn Subscription>) -> Self {
        Self { most, few, turn: 0 }
    }
}

impl MergedSubscription {
    /// Who is asked first this time, and who second.
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
        // Whichever is not chosen is dropped, which loses nothing.
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

    /// Always has something to give: an error, to be told by.
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
    async fn neither_waits_for_ever_behind_the_other() {
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
    async fn the_few_come_at_once_where_the_other_is_silent() {
        let mut both =
            MergedSubscription::new(Box::new(Silent), Box::new(Busy(|| BrokerError::Timeout)));
        for _ in 0..2 * TURNS {
            assert!(gives_few(&mut both).await);
        }
    }
}
