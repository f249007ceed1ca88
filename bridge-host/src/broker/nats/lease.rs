//! Settles one message at JetStream, on the message's acknowledgement subject.
//! `kit::receipt` decides when.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use async_nats::Subject;
use async_nats::jetstream::AckKind;
use async_trait::async_trait;

use super::ack_subject::AckSubject;
use super::client::ReconnectingClient;
use super::consumer_flow::ConsumerFlow;
use super::consumer_ref::ConsumerRef;
use super::{JETSTREAM_CAPABILITIES, error};
use crate::broker::kit::receipt::{Lease, LeasedReceipt};
use crate::broker::{BrokerError, Capabilities, Settlement};

/// One delivery of a JetStream message.
pub(super) struct JetStreamLease {
    connection: Arc<ReconnectingClient>,
    flow: Arc<ConsumerFlow>,
    /// The subject for its acknowledgement.
    reply: Subject,
    pub(super) origin: AckSubject,
    /// The consumer that delivered it, as the consumer was then.
    pub(super) located: Arc<ConsumerRef>,
    /// For a message that the client cannot read: up to which number the host has looked for
    /// such messages.
    unread: Option<Arc<AtomicU64>>,
}

impl JetStreamLease {
    pub(super) fn new(
        connection: Arc<ReconnectingClient>,
        flow: Arc<ConsumerFlow>,
        reply: Subject,
        origin: AckSubject,
        located: Arc<ConsumerRef>,
    ) -> Self {
        flow.record_delivery(&origin);
        Self {
            connection,
            flow,
            reply,
            origin,
            located,
            unread: None,
        }
    }

    /// For a message that the client cannot read: when it is given back, the host looks
    /// for such messages again from its number on.
    pub(super) fn of_unreadable(mut self, searched_up_to: Arc<AtomicU64>) -> Self {
        self.unread = Some(searched_up_to);
        self
    }

    /// Returns the receipt of the message.
    pub(super) fn receipt(self) -> LeasedReceipt<Self> {
        let credit = Arc::clone(&self.flow.credit);
        LeasedReceipt::new(self, credit)
    }

    async fn send(&self, ack: AckKind) -> Result<(), BrokerError> {
        let client = self.connection.session();
        let sent = client.publish(self.reply.clone(), ack.into()).await;
        sent.map_err(|error| error::client(&error))
    }

    /// Waits for the server's confirmation: without it, the message could be redelivered
    /// and become a second dead letter.
    async fn terminate(&self) -> Result<(), BrokerError> {
        let asked = self
            .connection
            .request(self.reply.to_string(), AckKind::Term.into());
        asked.await.map(drop)
    }
}

#[async_trait]
impl Lease for JetStreamLease {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            lease: Some(self.located.ack_wait),
            ..JETSTREAM_CAPABILITIES
        }
    }

    fn length(&self) -> Duration {
        self.located.ack_wait
    }

    fn is_redelivery(&self) -> bool {
        self.origin.delivered > 1
    }

    async fn extend(&self) -> Result<(), BrokerError> {
        self.connection.check()?;
        self.send(AckKind::Progress).await
    }

    fn post_extension(&self) -> bool {
        let is_up = self.connection.is_up();
        if is_up {
            self.connection.post(self.reply.clone(), AckKind::Progress);
        }
        is_up
    }

    fn retries_are_full(&self) -> bool {
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
        self.connection.post(self.reply.clone(), AckKind::Ack);
    }

    /// The server accepts a `-NAK` from any host that once had the message. So after
    /// the lease has expired, this host sends none: another host may have the message.
    fn give_back(&self, expired: bool) {
        match &self.unread {
            // Redelivered at once, the message would break the connection at once.
            Some(searched_up_to) => {
                let _ = searched_up_to.fetch_min(self.origin.sequence - 1, Relaxed);
            }
            None if expired => {}
            None => self.connection.post(self.reply.clone(), AckKind::Nak(None)),
        }
    }

    fn end(&self, acknowledged: bool) {
        if acknowledged {
            self.flow.acknowledged(self.origin.sequence);
        }
    }
}
