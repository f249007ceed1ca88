//! The receipt of one leased message: settled once, silent when superseded or expired, given back when dropped.
//! A broker's [`Lease`] sends the commands to the server.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::credit::Credit;
use crate::broker::{BrokerError, Capabilities, Receipt, Settlement, Unsettled};

/// A fetched message that waits for a permit extends its lease when this part of the
/// lease is over, so that its attempt begins with most of the lease left.
const KEEP_AFTER: u32 = 6;

/// The commands that a broker sends to its server about one message.
#[async_trait]
pub trait Lease: Send + Sync + 'static {
    /// Returns the capabilities of the message's broker, with the length of this lease.
    fn capabilities(&self) -> Capabilities;

    /// Returns how long the server leases the message to this host.
    fn length(&self) -> Duration;

    /// Returns whether the message was delivered to a host before.
    fn is_redelivery(&self) -> bool;

    /// Extends the lease.
    async fn extend(&self) -> Result<(), BrokerError>;

    /// Extends the lease without waiting for an answer; returns `false` if that is
    /// not possible now.
    fn post_extension(&self) -> bool;

    /// Returns whether one more waiting retry would take room from new messages.
    fn retries_are_full(&self) -> bool {
        false
    }

    /// Settles the message at the server.
    async fn settle(&self, settlement: &Settlement) -> Result<(), BrokerError>;

    /// Acknowledges a message of another subscription, without waiting for an answer.
    fn decline(&self);

    /// Gives the message back, unsettled: the server delivers it again. If the lease
    /// has `expired`, another host may hold the message already.
    fn give_back(&self, expired: bool);

    /// Called when the receipt has ended and its slot is free. If `acknowledged`, the
    /// message is not delivered again.
    fn end(&self, _acknowledged: bool) {}
}

/// The right to settle one leased message. It holds a slot of its subscription's
/// [`Credit`] until it is settled or dropped.
pub struct LeasedReceipt<L: Lease> {
    /// The commands to the server.
    pub lease: L,
    credit: Arc<Credit>,
    /// When the lease began or was last extended.
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

    /// Lends the slot to another message while this one waits for a permit.
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

    /// Returns whether the lease has expired: the server has delivered the message to
    /// another host, or is about to.
    pub fn is_expired(&self) -> bool {
        self.since.elapsed() >= self.lease.length()
    }

    /// Extends the lease if it is partly over and has not expired.
    pub fn extend_if_due(&mut self) {
        let (over, length) = (self.since.elapsed(), self.lease.length());
        if over >= length / KEEP_AFTER && over < length && self.lease.post_extension() {
            self.since = Instant::now();
        }
    }

    /// Sends nothing more about the message.
    pub fn forget(mut self) {
        self.settled = true;
    }

    /// Acknowledges a message of another subscription.
    pub fn decline(mut self) {
        (self.settled, self.acknowledged) = (true, true);
        self.lease.decline();
    }
}

/// Returns how often [`LeasedReceipt::extend_if_due`] has to be called for leases of this length.
pub fn extension_interval(length: Duration) -> Duration {
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

    fn retries_are_full(&self) -> bool {
        self.lease.retries_are_full()
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
    use parking_lot::Mutex;

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
            self.said.lock().push(what.into());
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

        fn is_redelivery(&self) -> bool {
            self.again
        }

        async fn extend(&self) -> Result<(), BrokerError> {
            Ok(())
        }

        fn post_extension(&self) -> bool {
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
        assert_eq!(*said.lock(), ["Delivered", "ended true"]);
    }

    #[tokio::test]
    async fn a_failed_settlement_brings_the_receipt_back() {
        let (receipt, said) = receipt(LONG);
        let unsettled = receipt.settle(Settlement::Moved).await.unwrap_err();
        let receipt = unsettled.receipt.unwrap();
        assert!(said.lock().is_empty());
        receipt.settle(Settlement::Filtered).await.unwrap();
        assert_eq!(*said.lock(), ["Filtered", "ended true"]);
    }

    #[test]
    fn a_dropped_receipt_gives_the_message_back_and_an_expired_one_says_so() {
        for (length, expected) in [(LONG, "given back"), (Duration::ZERO, "expired")] {
            let (receipt, said) = receipt(length);
            drop(receipt);
            assert_eq!(*said.lock(), [expected, "ended false"]);
        }
    }

    #[test]
    fn a_superseded_receipt_is_silent() {
        let (receipt, said) = receipt(LONG);
        receipt.superseded();
        assert_eq!(*said.lock(), ["ended false"]);
    }
}
