//! The receipt of one leased message: settled once, silent when superseded or expired, given back when dropped.
//! What is said to the server is a broker's [`Lease`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::credit::Credit;
use crate::broker::{BrokerError, Capabilities, Receipt, Settlement, Unsettled};

/// A fetched message that waits to be taken renews its lease once this part of
/// it is over, so that whoever takes the message has most of the lease left.
const KEEP_AFTER: u32 = 6;

/// What a broker says to its server about one message.
#[async_trait]
pub trait Lease: Send + Sync + 'static {
    /// What the broker of this message can do, the length of this lease included.
    fn capabilities(&self) -> Capabilities;

    /// How long the server leaves the message with this host.
    fn length(&self) -> Duration;

    /// Returns whether the message was given to a host before.
    fn is_again(&self) -> bool;

    /// Begins the lease anew.
    async fn extend(&self) -> Result<(), BrokerError>;

    /// Begins the lease anew without waiting for it; returns `false` where that
    /// is not possible now.
    fn keep(&self) -> bool;

    /// Returns whether one more retry would take room from new messages.
    fn is_crowded(&self) -> bool {
        false
    }

    /// Tells the server what became of the message.
    async fn settle(&self, settlement: &Settlement) -> Result<(), BrokerError>;

    /// Acknowledges a message that is not this subscription's, without waiting.
    fn decline(&self);

    /// Gives the message back, unsettled: the server gives it to a host again.
    /// With its lease `expired`, another host may have it already.
    fn give_back(&self, expired: bool);

    /// Nothing more is said, and the slot is free; `acknowledged`, the message does
    /// not come again.
    fn end(&self, _acknowledged: bool) {}
}

/// The right to settle one leased message. It holds a slot of its subscription's
/// [`Credit`] until it is settled or dropped.
pub struct LeasedReceipt<L: Lease> {
    /// What is said to the server.
    pub lease: L,
    credit: Arc<Credit>,
    /// When the lease began, or was begun anew.
    since: Instant,
    /// Whether its slot is lent to another message.
    lent: bool,
    settled: bool,
    acknowledged: bool,
}

impl<L: Lease> LeasedReceipt<L> {
    /// Takes a slot for the message.
    pub fn new(lease: L, credit: Arc<Credit>) -> Self {
        credit.take();
        Self {
            lease,
            credit,
            since: Instant::now(),
            lent: false,
            settled: false,
            acknowledged: false,
        }
    }

    /// Lends the slot to another message while this one waits to be taken.
    pub fn lend_slot(&mut self) {
        if !std::mem::replace(&mut self.lent, true) {
            self.credit.lend();
        }
    }

    /// Takes the slot back.
    pub fn take_slot(&mut self) {
        if std::mem::replace(&mut self.lent, false) {
            self.credit.take_back();
        }
    }

    /// Returns whether the lease is over: the server has given the message to
    /// another host, or is about to.
    pub fn is_expired(&self) -> bool {
        self.since.elapsed() >= self.lease.length()
    }

    /// Begins the lease anew, where a part of it is over and it still runs.
    pub fn keep(&mut self) {
        let (over, length) = (self.since.elapsed(), self.lease.length());
        if over >= length / KEEP_AFTER && over < length && self.lease.keep() {
            self.since = Instant::now();
        }
    }

    /// Says nothing more of the message.
    pub fn forget(mut self) {
        self.settled = true;
    }

    /// Acknowledges a message that is not this subscription's.
    pub fn decline(mut self) {
        (self.settled, self.acknowledged) = (true, true);
        self.lease.decline();
    }
}

/// Returns how often [`LeasedReceipt::keep`] has to be called for leases of this length.
pub fn keep_every(length: Duration) -> Duration {
    (length / KEEP_AFTER).max(Duration::from_millis(50))
}

#[async_trait]
impl<L: Lease> Receipt for LeasedReceipt<L> {
    fn capabilities(&self) -> Capabilities {
        self.lease.capabilities()
    }

    /// A server knows one length of lease.
    async fn extend(&mut self, _lease: Duration) -> Result<(), BrokerError> {
        self.lease.extend().await?;
        self.since = Instant::now();
        Ok(())
    }

    fn is_crowded(&self) -> bool {
        self.lease.is_crowded()
    }

    fn superseded(self: Box<Self>) {
        self.forget();
    }

    async fn settle(mut self: Box<Self>, settlement: Settlement) -> Result<(), Unsettled> {
        match self.lease.settle(&settlement).await {
            Ok(()) => {
                self.settled = true;
                self.acknowledged = !matches!(settlement, Settlement::Retry(_));
                Ok(())
            }
            Err(error) => Err(Unsettled {
                error,
                receipt: Some(self),
            }),
        }
    }
}

impl<L: Lease> Drop for LeasedReceipt<L> {
    fn drop(&mut self) {
        if !self.settled {
            self.lease.give_back(self.is_expired());
        }
        self.take_slot();
        self.credit.free();
        self.lease.end(self.acknowledged);
    }
}

#[cfg(test)]
pub mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A lease that notes what it is told.
    #[derive(Default)]
    pub struct Noted {
        pub again: bool,
        pub length: Duration,
        pub said: Arc<Mutex<Vec<String>>>,
    }

    impl Noted {
        fn say(&self, what: impl Into<String>) {
            self.said.lock().unwrap().push(what.into());
        }
    }

    #[async_trait]
    impl Lease for Noted {
        fn capabilities(&self) -> Capabilities {
            crate::broker::embedded::CAPABILITIES
        }

        fn length(&self) -> Duration {
            self.length
        }

        fn is_again(&self) -> bool {
            self.again
        }

        async fn extend(&self) -> Result<(), BrokerError> {
            Ok(())
        }

        fn keep(&self) -> bool {
            self.say("kept");
            true
        }

        async fn settle(&self, settlement: &Settlement) -> Result<(), BrokerError> {
            match settlement {
                Settlement::Moved => Err(BrokerError::Timeout),
                other => {
                    self.say(format!("{other:?}"));
                    Ok(())
                }
            }
        }

        fn decline(&self) {
            self.say("declined");
        }

        fn give_back(&self, expired: bool) {
            self.say(if expired { "expired" } else { "given back" });
        }

        fn end(&self, acknowledged: bool) {
            self.say(format!("ended {acknowledged}"));
        }
    }

    fn receipt(length: Duration) -> (Box<LeasedReceipt<Noted>>, Arc<Mutex<Vec<String>>>) {
        let lease = Noted {
            length,
            ..Noted::default()
        };
        let said = Arc::clone(&lease.said);
        let credit = Credit::new(1, false);
        (Box::new(LeasedReceipt::new(lease, credit)), said)
    }

    const LONG: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn a_message_is_settled_once() {
        let (receipt, said) = receipt(LONG);
        receipt.settle(Settlement::Delivered).await.unwrap();
        assert_eq!(*said.lock().unwrap(), ["Delivered", "ended true"]);
    }

    #[tokio::test]
    async fn a_failed_settlement_brings_the_receipt_back() {
        let (receipt, said) = receipt(LONG);
        let unsettled = receipt.settle(Settlement::Moved).await.unwrap_err();
        let receipt = unsettled.receipt.unwrap();
        assert!(said.lock().unwrap().is_empty());
        receipt.settle(Settlement::Filtered).await.unwrap();
        assert_eq!(*said.lock().unwrap(), ["Filtered", "ended true"]);
    }

    #[test]
    fn a_dropped_receipt_gives_the_message_back_and_an_expired_one_says_so() {
        for (length, expected) in [(LONG, "given back"), (Duration::ZERO, "expired")] {
            let (receipt, said) = receipt(length);
            drop(receipt);
            assert_eq!(*said.lock().unwrap(), [expected, "ended false"]);
        }
    }

    #[test]
    fn a_superseded_receipt_is_silent() {
        let (receipt, said) = receipt(LONG);
        receipt.superseded();
        assert_eq!(*said.lock().unwrap(), ["ended false"]);
    }
}
