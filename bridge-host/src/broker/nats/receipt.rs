//! The right to settle one JetStream message, and the count of those that are
//! out: it is what the next fetch is sized by.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::JETSTREAM;
use super::connect::Link;
use crate::broker::{BrokerError, Capabilities, Receipt, Settlement, Unsettled};

/// Slots that turn over within this time are worth fetching ahead for.
const QUICK: Duration = Duration::from_millis(250);
/// For a server to confirm that a message is terminated.
const CONFIRMATION: Duration = Duration::from_secs(5);

/// The places in flight of one subscription in this process.
pub(super) struct Slots {
    capacity: usize,
    ahead: usize,
    held: AtomicUsize,
    pace: Mutex<Pace>,
    /// One came free.
    pub(super) freed: Notify,
}

struct Pace {
    since: Instant,
    settled: usize,
    quick_until: Option<Instant>,
}

impl Slots {
    /// As many as are in flight at once. With order, nothing is fetched ahead.
    pub(super) fn new(in_flight: usize, ordered: bool) -> Arc<Self> {
        let capacity = in_flight.max(1);
        Arc::new(Self {
            capacity,
            ahead: if ordered { 0 } else { capacity / 2 },
            held: AtomicUsize::new(0),
            pace: Mutex::new(Pace {
                since: Instant::now(),
                settled: 0,
                quick_until: None,
            }),
            freed: Notify::new(),
        })
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many more may come: one for each free slot, and half as many again
    /// where slots are free again at once.
    pub(super) fn room(&self) -> usize {
        let pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let quick = pace.quick_until.is_some_and(|until| until > Instant::now());
        let most = self.capacity + if quick { self.ahead } else { 0 };
        most.saturating_sub(self.held.load(Ordering::Relaxed))
    }

    pub(super) fn take(&self) {
        self.held.fetch_add(1, Ordering::Relaxed);
    }

    fn free(&self) {
        self.held.fetch_sub(1, Ordering::Relaxed);
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.settled += 1;
        if pace.settled >= self.capacity {
            let now = Instant::now();
            pace.quick_until = (now - pace.since < QUICK).then(|| now + QUICK);
            (pace.since, pace.settled) = (now, 0);
        }
        drop(pace);
        self.freed.notify_one();
    }
}

pub(super) struct JetStreamReceipt {
    link: Arc<Link>,
    slots: Arc<Slots>,
    /// Where its acknowledgement goes.
    reply: String,
    ack_wait: Duration,
    given: Instant,
    settled: bool,
}

impl JetStreamReceipt {
    pub(super) fn new(
        link: Arc<Link>,
        slots: Arc<Slots>,
        reply: String,
        ack_wait: Duration,
    ) -> Self {
        slots.take();
        Self {
            link,
            slots,
            reply,
            ack_wait,
            given: Instant::now(),
            settled: false,
        }
    }

    /// The server has given it to someone else by now, or is about to.
    pub(super) fn is_stale(&self) -> bool {
        self.given.elapsed() >= self.ack_wait
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
        self.send("+WPI").await
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
        if !self.settled {
            self.link.post(std::mem::take(&mut self.reply), "-NAK");
        }
        self.slots.free();
    }
}
