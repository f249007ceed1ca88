//! The right to settle one JetStream message.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::Subject;
use async_trait::async_trait;
use tokio::time::timeout;

use super::JETSTREAM;
use super::connect::Link;
use super::slots::Slots;
use crate::broker::{BrokerError, Capabilities, Receipt, Settlement, Unsettled};

/// For a server to confirm that a message is terminated.
const CONFIRMATION: Duration = Duration::from_secs(5);

/// What waits to be taken is kept once such a part of its lease is over, so that
/// whoever takes it has most of it.
const KEEP_AFTER: u32 = 6;

pub(super) struct JetStreamReceipt {
    link: Arc<Link>,
    slots: Arc<Slots>,
    /// Where its acknowledgement goes.
    reply: Subject,
    ack_wait: Duration,
    /// Since when it has its lease.
    leased: Instant,
    settled: bool,
}

impl JetStreamReceipt {
    pub(super) fn new(
        link: Arc<Link>,
        slots: Arc<Slots>,
        reply: Subject,
        ack_wait: Duration,
    ) -> Self {
        slots.take();
        Self {
            link,
            slots,
            reply,
            ack_wait,
            leased: Instant::now(),
            settled: false,
        }
    }

    /// Where it is acknowledged.
    pub(super) fn subject(&self) -> &str {
        &self.reply
    }

    /// The server has given it to someone else by now, or is about to.
    pub(super) fn is_stale(&self) -> bool {
        self.leased.elapsed() >= self.ack_wait
    }

    /// How often [`Self::keep`] has to be called.
    pub(super) fn keep_every(ack_wait: Duration) -> Duration {
        (ack_wait / KEEP_AFTER).max(Duration::from_millis(50))
    }

    /// Begins its lease anew, where a part of it is over and it still runs.
    pub(super) fn keep(&mut self) {
        let over = self.leased.elapsed();
        if over >= self.ack_wait / KEEP_AFTER && over < self.ack_wait && self.link.is_up() {
            self.link.post(self.reply.clone(), "+WPI");
            self.leased = Instant::now();
        }
    }

    /// Leaves it to the server to give it to another.
    pub(super) fn forget(mut self) {
        self.settled = true;
    }

    /// It is of a topic that the subscription does not have: it came because
    /// the consumer could not be told so.
    pub(super) fn decline(mut self) {
        self.settled = true;
        self.link.post(self.reply.clone(), "+ACK");
    }

    async fn send(&self, payload: impl Into<bytes::Bytes>) -> Result<(), BrokerError> {
        let sent = self.link.client.publish(self.reply.clone(), payload.into());
        let sent = sent.await;
        sent.map_err(|error| BrokerError::Unavailable(format!("NATS: {error}")))
    }

    /// The server confirms it: what it does not know of comes again, and would
    /// be a second dead letter.
    async fn terminate(&self) -> Result<(), BrokerError> {
        self.link.check()?;
        let asked = self.link.client.request(self.reply.clone(), "+TERM".into());
        match timeout(CONFIRMATION, asked).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(BrokerError::Unavailable(format!("NATS: {error}"))),
            Err(_) => Err(BrokerError::Timeout),
        }
    }
}

#[async_trait]
impl Receipt for JetStreamReceipt {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            lease: Some(self.ack_wait),
            ..JETSTREAM
        }
    }

    /// The server knows one length of lease, the consumer's.
    async fn extend(&mut self, _lease: Duration) -> Result<(), BrokerError> {
        self.link.check()?;
        self.send("+WPI").await?;
        self.leased = Instant::now();
        Ok(())
    }

    fn superseded(self: Box<Self>) {
        self.forget();
    }

    /// An acknowledgement is on its way when this returns: lost with the
    /// connection, it means a second delivery. So does a retry, whose message
    /// then comes when its lease ends.
    async fn settle(mut self: Box<Self>, settlement: Settlement) -> Result<(), Unsettled> {
        let settled = match settlement {
            Settlement::Delivered | Settlement::Filtered => self.send("+ACK").await,
            Settlement::Retry(after) => {
                let nak = format!("-NAK {{\"delay\": {}}}", after.as_nanos().max(1));
                self.send(nak).await
            }
            Settlement::DeadLetter(_) | Settlement::Moved => self.terminate().await,
        };
        match settled {
            Ok(()) => {
                self.settled = true;
                Ok(())
            }
            Err(error) => Err(Unsettled {
                error,
                receipt: Some(self),
            }),
        }
    }
}

impl Drop for JetStreamReceipt {
    fn drop(&mut self) {
        // The server takes this from whoever had the message at any time: with
        // its lease over, it is another's.
        if !self.settled && !self.is_stale() {
            self.link.post(self.reply.clone(), "-NAK");
        }
        self.slots.free();
    }
}
