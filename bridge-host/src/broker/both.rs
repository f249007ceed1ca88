//! Two subscriptions as one: a broker's, and the local store's, from which
//! dead letters of that broker are delivered again.

use async_trait::async_trait;

use super::{BrokerError, Incoming, Subscription};

/// The one that has less to give goes first once in so many times: neither
/// waits for ever behind the other, and asking costs what one does.
const TURNS: u32 = 16;

/// Gives what either gives. A receipt settles with whom it came from.
pub struct Both {
    most: Box<dyn Subscription>,
    few: Box<dyn Subscription>,
    turn: u32,
}

impl Both {
    /// Takes both over: one that most messages come from, and one of few.
    pub fn new(most: Box<dyn Subscription>, few: Box<dyn Subscription>) -> Self {
        Self { most, few, turn: 0 }
    }
}

#[async_trait]
impl Subscription for Both {
    async fn next(&mut self) -> Result<Incoming, BrokerError> {
        self.turn = (self.turn + 1) % TURNS;
        let (first, second) = match self.turn {
            0 => (&mut self.few, &mut self.most),
            _ => (&mut self.most, &mut self.few),
        };
        // Whichever is not chosen is dropped, which loses nothing.
        tokio::select! {
            biased;
            incoming = first.next() => incoming,
            incoming = second.next() => incoming,
        }
    }
}
