//! Core NATS: at most once. Subscriptions are queue groups; what is under way
//! or waits for a retry is lost with the process.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_nats::{Message as Arrived, RequestErrorKind, Subscriber};
use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::{SelectAll, select_all};
use tokio::time::{Instant, sleep_until, timeout};

use super::connect::{ConnectError, Link};
use super::settings::Settings;
use super::waiting::{Kept, Waiting};
use super::{CORE, headers, request, subject};
use crate::broker::{
    Broker, BrokerError, Capabilities, Confirmation, Incoming, Published, Receipt, Reply, Request,
    Settlement, SubscribeSpec, Subscription, Unsettled,
};
use crate::message::{Message, MessageId};

/// For the server to say that nobody listens.
const LISTENING: Duration = Duration::from_millis(500);

/// A NATS connection.
pub struct Core {
    link: Arc<Link>,
    /// Names of groups, and whether their subscription lives.
    groups: Mutex<Vec<(String, Arc<AtomicBool>)>>,
}

impl Core {
    /// Begins to connect. `name` is the connection's.
    pub async fn open(name: &str, settings: &Settings) -> Result<Self, ConnectError> {
        Ok(Self {
            link: Link::open(name, settings).await?,
            groups: Mutex::default(),
        })
    }
}

#[async_trait]
impl Broker for Core {
    fn capabilities(&self) -> Capabilities {
        CORE
    }

    /// Messages published before are not there any more. Without a server
    /// there, the subscription begins once there is one.
    async fn subscribe(&self, spec: SubscribeSpec) -> Result<Box<dyn Subscription>, BrokerError> {
        let group = subject::legal_name(&spec.name);
        let mut subscribers = Vec::new();
        for topic in subject::subjects(&spec.topics)? {
            let joined = self.link.client.queue_subscribe(topic, group.clone()).await;
            let refused = |error| BrokerError::Refused(format!("NATS: {error}"));
            subscribers.push(joined.map_err(refused)?);
        }
        // The server knows of it once this is through.
        if self.link.is_up() {
            self.link.sent().await?;
        }
        let alive = Arc::new(AtomicBool::new(true));
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        groups.push((spec.name.clone(), Arc::clone(&alive)));
        Ok(Box::new(Member {
            name: spec.name,
            link: Arc::clone(&self.link),
            waiting: Waiting::new(spec.ordered),
            arrived: select_all(subscribers),
            alive,
        }))
    }

    /// Returns once it is on its way to the server. Nobody may have received it.
    async fn enqueue(
        &self,
        message: Message,
        id: Option<MessageId>,
    ) -> Result<Confirmation, BrokerError> {
        subject::check_publish(&message.topic)?;
        let id = id.unwrap_or_else(MessageId::generate);
        request::send(&self.link, message, &id, None).await?;
        let published = Published {
            id,
            duplicate: false,
        };
        Ok(Box::pin(std::future::ready(Ok(published))))
    }

    /// Refused where nobody listens: the letter would be lost. That someone
    /// does is no promise that it arrives.
    async fn republish(
        &self,
        message: Message,
        id: &MessageId,
        group: &str,
        once: &MessageId,
    ) -> Result<(), BrokerError> {
        subject::check_publish(&message.topic)?;
        self.link.check()?;
        let headers = headers::encode_replay(&message, id, group, once);
        let (topic, data) = (message.topic, message.data);
        let client = &self.link.client;
        let asked = client.request_with_headers(topic.clone(), headers, data);
        match timeout(LISTENING, asked).await {
            // A bridge does not answer: silence is as good as anything.
            Err(_) | Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) if error.kind() == RequestErrorKind::NoResponders => {
                Err(BrokerError::Refused(format!("nobody listens on {topic:?}")))
            }
            Ok(Err(error)) => Err(request::failed(&error)),
        }
    }

    async fn request(&self, request: Request) -> Result<Vec<Reply>, BrokerError> {
        request::request(&self.link, request).await
    }

    fn trouble(&self) -> Option<String> {
        self.link.trouble().or_else(|| {
            let groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
            let ended = groups
                .iter()
                .find(|(_, alive)| !alive.load(Ordering::Relaxed))?;
            Some(format!("the subscription {:?} ended", ended.0))
        })
    }

    async fn close(&self) {
        self.link.flush().await;
    }
}

struct Member {
    name: String,
    link: Arc<Link>,
    waiting: Arc<Waiting>,
    arrived: SelectAll<Subscriber>,
    alive: Arc<AtomicBool>,
}

impl Member {
    fn incoming(&self, kept: Kept) -> Incoming {
        Incoming {
            message: kept.message.clone(),
            id: kept.id.clone(),
            attempt: kept.attempt,
            tried_for: kept.first.map(|first| first.elapsed()),
            published: kept.published,
            reply_to: kept.reply_to.clone(),
            receipt: Box::new(CoreReceipt {
                waiting: Arc::clone(&self.waiting),
                kept: Some(kept),
            }),
        }
    }

    /// `None` for what is not for this subscription to handle.
    fn take_in(&self, arrived: Arrived) -> Option<Incoming> {
        let topic = arrived.subject.as_str();
        let inbox = arrived.reply;
        let arrived = headers::decode(topic, arrived.payload, arrived.headers.as_ref());
        if arrived.is_for_others(&self.name) {
            return None;
        }
        // The inbox of one that is replayed is that of whoever replays it.
        let inbox = inbox.filter(|_| !arrived.is_replayed());
        let reply_to = request::way_back(&self.link, inbox);
        self.waiting.gave();
        Some(self.incoming(Kept {
            message: Arc::new(arrived.message),
            id: arrived.id.unwrap_or_else(MessageId::generate),
            attempt: 1,
            first: None,
            published: SystemTime::now(),
            reply_to,
        }))
    }
}

#[async_trait]
impl Subscription for Member {
    async fn next(&mut self) -> Result<Incoming, BrokerError> {
        loop {
            let due = match self.waiting.take() {
                Ok(kept) => return Ok(self.incoming(kept)),
                Err(due) => due,
            };
            let room = self.waiting.has_room();
            let until = due.unwrap_or_else(tokio::time::Instant::now);
            tokio::select! {
                arrived = self.arrived.next(), if room => match arrived {
                    Some(arrived) => if let Some(incoming) = self.take_in(arrived) {
                        return Ok(incoming);
                    },
                    None => {
                        self.alive.store(false, Ordering::Relaxed);
                        return Err(BrokerError::Unavailable("the subscription to NATS ended".into()));
                    }
                },
                () = sleep_until(until), if due.is_some() => {}
                () = self.waiting.changed.notified() => {}
            }
        }
    }
}

struct CoreReceipt {
    waiting: Arc<Waiting>,
    /// `None` once it is settled.
    kept: Option<Kept>,
}

#[async_trait]
impl Receipt for CoreReceipt {
    fn capabilities(&self) -> Capabilities {
        CORE
    }

    /// Nothing to do: the server has forgotten it.
    async fn extend(&mut self, _lease: Duration) -> Result<(), BrokerError> {
        Ok(())
    }

    async fn settle(mut self: Box<Self>, settlement: Settlement) -> Result<(), Unsettled> {
        let Some(mut kept) = self.kept.take() else {
            return Ok(());
        };
        match settlement {
            Settlement::Delivered
            | Settlement::Filtered
            | Settlement::DeadLetter(_)
            | Settlement::Moved => {}
            Settlement::Retry(after) => {
                kept.attempt = kept.attempt.saturating_add(1);
                kept.first.get_or_insert_with(Instant::now);
                self.waiting.put(kept, after);
            }
        }
        Ok(())
    }
}

impl Drop for CoreReceipt {
    fn drop(&mut self) {
        if let Some(kept) = self.kept.take() {
            self.waiting.put(kept, Duration::ZERO);
        }
        self.waiting.done();
    }
}
