//! The right to settle one JetStream message.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use async_nats::Subject;
use async_nats::jetstream::AckKind;
use async_trait::async_trait;

use super::connect::Link;
use super::located::Located;
use super::origin::Origin;
use super::slots::Slots;
use super::{JETSTREAM, error};
use crate::broker::{BrokerError, Capabilities, Receipt, Settlement, Unsettled};

/// What waits to be taken is kept once such a part of its lease is over, so that
/// whoever takes it has most of it.
const KEEP_AFTER: u32 = 6;

pub(super) struct JetStreamReceipt {
    link: Arc<Link>,
    slots: Arc<Slots>,
    /// Where its acknowledgement goes.
    reply: Subject,
    pub(super) origin: Origin,
    /// The consumer that it is from, as it was then.
    pub(super) located: Arc<Located>,
    /// Since when it has its lease.
    leased: Instant,
    /// Its slot is lent to another.
    lent: bool,
    settled: bool,
    /// It does not come again.
    acknowledged: bool,
    /// Of a message that the client cannot read: up to where such were looked for.
    unread: Option<Arc<AtomicU64>>,
}

impl JetStreamReceipt {
    pub(super) fn new(
        link: Arc<Link>,
        slots: Arc<Slots>,
        reply: Subject,
        origin: Origin,
        located: Arc<Located>,
    ) -> Self {
        slots.take(&origin);
        Self {
            link,
            slots,
            reply,
            origin,
            located,
            leased: Instant::now(),
            lent: false,
            settled: false,
            acknowledged: false,
            unread: None,
        }
    }

    /// Of a message that the client cannot read: given back, it is to be looked
    /// for again from its number on.
    pub(super) fn of_unread(mut self, looked: Arc<AtomicU64>) -> Self {
        self.unread = Some(looked);
        self
    }

    /// Whether the message was given to someone before.
    pub(super) fn is_again(&self) -> bool {
        self.origin.delivered > 1
    }

    /// Lends its slot to another message while it waits here.
    pub(super) fn lend_slot(&mut self) {
        if !std::mem::replace(&mut self.lent, true) {
            self.slots.lend();
        }
    }

    /// Takes its slot back.
    pub(super) fn take_slot(&mut self) {
        if std::mem::replace(&mut self.lent, false) {
            self.slots.take_back();
        }
    }

    /// The server has given it to someone else by now, or is about to.
    pub(super) fn is_stale(&self) -> bool {
        self.leased.elapsed() >= self.located.ack_wait
    }

    /// How often [`Self::keep`] has to be called.
    pub(super) fn keep_every(ack_wait: Duration) -> Duration {
        (ack_wait / KEEP_AFTER).max(Duration::from_millis(50))
    }

    /// Begins its lease anew, where a part of it is over and it still runs.
    pub(super) fn keep(&mut self) {
        let (over, lease) = (self.leased.elapsed(), self.located.ack_wait);
        if over >= lease / KEEP_AFTER && over < lease && self.link.is_up() {
            self.link.post(self.reply.clone(), AckKind::Progress);
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
        (self.settled, self.acknowledged) = (true, true);
        self.link.post(self.reply.clone(), AckKind::Ack);
    }

    async fn send(&self, ack: AckKind) -> Result<(), BrokerError> {
        let client = self.link.client();
        let sent = client.publish(self.reply.clone(), ack.into()).await;
        sent.map_err(|error| error::client(&error))
    }

    /// The server confirms it: what it does not know of comes again, and would
    /// be a second dead letter.
    async fn terminate(&self) -> Result<(), BrokerError> {
        let asked = self
            .link
            .request(self.reply.to_string(), AckKind::Term.into());
        asked.await.map(drop)
    }
}

#[async_trait]
impl Receipt for JetStreamReceipt {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            lease: Some(self.located.ack_wait),
            ..JETSTREAM
        }
    }

    /// The server knows one length of lease, the consumer's.
    async fn extend(&mut self, _lease: Duration) -> Result<(), BrokerError> {
        self.link.check()?;
        self.send(AckKind::Progress).await?;
        self.leased = Instant::now();
        Ok(())
    }

    fn is_crowded(&self) -> bool {
        self.slots.retries.is_full()
    }

    fn superseded(self: Box<Self>) {
        self.forget();
    }

    /// An acknowledgement is on its way when this returns: lost with the
    /// connection, it means a second delivery. So does a retry, whose message
    /// then comes when its lease ends.
    async fn settle(mut self: Box<Self>, settlement: Settlement) -> Result<(), Unsettled> {
        let is_retry = matches!(settlement, Settlement::Retry(_));
        let settled = match settlement {
            Settlement::Delivered | Settlement::Filtered => self.send(AckKind::Ack).await,
            Settlement::Retry(after) => {
                self.slots.retries.wait(after);
                let delay = after.max(Duration::from_nanos(1));
                self.send(AckKind::Nak(Some(delay))).await
            }
            Settlement::DeadLetter(_) | Settlement::Moved => self.terminate().await,
        };
        match settled {
            Ok(()) => {
                self.settled = true;
                self.acknowledged = !is_retry;
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
        match &self.unread {
            _ if self.settled => {}
            // Given at once, it would break the connection at once.
            Some(looked) => drop(looked.fetch_min(self.origin.sequence - 1, Relaxed)),
            None if self.is_stale() => {}
            None => self.link.post(self.reply.clone(), AckKind::Nak(None)),
        }
        self.take_slot();
        self.slots.free(self.origin.sequence, self.acknowledged);
    }
}
