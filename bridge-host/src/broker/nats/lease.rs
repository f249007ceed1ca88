//! Settles one message at JetStream, on the message's acknowledgement subject.
//! `kit::receipt` decides when.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use async_nats::Subject;
use async_nats::jetstream::AckKind;
use async_trait::async_trait;

use super::connect::Link;
use super::flow::Flow;
use super::located::Located;
use super::origin::Origin;
use super::{JETSTREAM, error};
use crate::broker::kit::receipt::{Lease, LeasedReceipt};
use crate::broker::{BrokerError, Capabilities, Settlement};

/// One delivery of a JetStream message.
pub(super) struct JetStreamLease {
    link: Arc<Link>,
    flow: Arc<Flow>,
    /// The subject for its acknowledgement.
    reply: Subject,
    pub(super) origin: Origin,
    /// The consumer that delivered it, as the consumer was then.
    pub(super) located: Arc<Located>,
    /// For a message that the client cannot read: up to which number the host has looked for
    /// such messages.
    unread: Option<Arc<AtomicU64>>,
}

impl JetStreamLease {
    pub(super) fn new(
        link: Arc<Link>,
        flow: Arc<Flow>,
        reply: Subject,
        origin: Origin,
        located: Arc<Located>,
    ) -> Self {
        flow.took(&origin);
        Self {
            link,
            flow,
            reply,
            origin,
            located,
            unread: None,
        }
    }

    /// For a message that the client cannot read: when it is given back, the host looks
    /// for such messages again from its number on.
    pub(super) fn of_unread(mut self, looked: Arc<AtomicU64>) -> Self {
        self.unread = Some(looked);
        self
    }

    /// Returns the receipt of the message.
    pub(super) fn receipt(self) -> LeasedReceipt<Self> {
        let credit = Arc::clone(&self.flow.credit);
        LeasedReceipt::new(self, credit)
    }

    async fn send(&self, ack: AckKind) -> Result<(), BrokerError> {
        let client = self.link.client();
        let sent = client.publish(self.reply.clone(), ack.into()).await;
        sent.map_err(|error| error::client(&error))
    }

    /// Waits for the server's confirmation: without it, the message could be redelivered
    /// and become a second dead letter.
    async fn terminate(&self) -> Result<(), BrokerError> {
        let asked = self
            .link
            .request(self.reply.to_string(), AckKind::Term.into());
        asked.await.map(drop)
    }
}

#[async_trait]
impl Lease for JetStreamLease {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            lease: Some(self.located.ack_wait),
            ..JETSTREAM
        }
    }

    fn length(&self) -> Duration {
        self.located.ack_wait
    }

    fn is_again(&self) -> bool {
        self.origin.delivered > 1
    }

    async fn extend(&self) -> Result<(), BrokerError> {
        self.link.check()?;
        self.send(AckKind::Progress).await
    }

    fn keep(&self) -> bool {
        let is_up = self.link.is_up();
        if is_up {
            self.link.post(self.reply.clone(), AckKind::Progress);
        }
        is_up
    }

    fn is_crowded(&self) -> bool {
        self.flow.retries.is_full()
    }

    /// Returns once the acknowledgement is sent. If it is lost with the connection,
    /// the message is delivered a second time. If a retry is lost, the message is
    /// redelivered when its lease expires.
    async fn settle(&self, settlement: &Settlement) -> Result<(), BrokerError> {
        match settlement {
            Settlement::Delivered | Settlement::Filtered => self.send(AckKind::Ack).await,
            Settlement::Retry(after) => {
                self.flow.retries.wait(*after);
                let delay = (*after).max(Duration::from_nanos(1));
                self.send(AckKind::Nak(Some(delay))).await
            }
            Settlement::DeadLetter(_) | Settlement::Moved => self.terminate().await,
        }
    }

    fn decline(&self) {
        self.link.post(self.reply.clone(), AckKind::Ack);
    }

    /// The server accepts a `-NAK` from any host that once had the message. So after
    /// the lease has expired, this host sends none: another host may have the message.
    fn give_back(&self, expired: bool) {
        match &self.unread {
            // Redelivered at once, the message would break the connection at once.
            Some(looked) => drop(looked.fetch_min(self.origin.sequence - 1, Relaxed)),
            None if expired => {}
            None => self.link.post(self.reply.clone(), AckKind::Nak(None)),
        }
    }

    fn end(&self, acknowledged: bool) {
        if acknowledged {
            self.flow.acknowledged(self.origin.sequence);
        }
    }
}
