//! Core NATS: at most once. Subscriptions are queue groups; what is under way
//! or waits for a retry is lost with the process.

use parking_lot::Mutex;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use async_nats::{Message as Arrived, RequestErrorKind, SubscribeError, Subscriber};
use async_trait::async_trait;
use futures_util::stream::{SelectAll, select_all};
use futures_util::{FutureExt, StreamExt};
use tokio::time::{Instant, sleep_until, timeout};

use super::backlog::Backlog;
use super::connect::{ConnectError, Link};
use super::settings::Settings;
use super::{CORE, error, headers, request, subject};
use crate::broker::kit::log_limit::LogLimit;
use crate::broker::kit::retry_queue::{Kept, RetryQueue};
use crate::broker::{
    Broker, BrokerError, Capabilities, Chances, Confirmation, Incoming, Published, Receipt,
    Refusal, Reply, ReplyTo, Republish, Request, RequestReply, Settlement, SubscribeSpec,
    Subscription, Unsettled,
};
use crate::message::{Message, MessageId};

/// For the server to say that nobody listens.
const LISTENING: Duration = Duration::from_millis(500);

/// A NATS connection.
pub struct Core {
    link: Arc<Link>,
    /// What is subscribed to.
    subjects: Arc<Mutex<Vec<String>>>,
    backlog: Arc<Backlog>,
}

impl Core {
    /// Begins to connect. `name` is the connection's.
    pub async fn open(name: &str, settings: &Settings) -> Result<Self, ConnectError> {
        let (link, subjects) = (Link::open(name, settings).await?, Arc::default());
        tokio::spawn(tell_breaks(Arc::downgrade(&link), Arc::clone(&subjects)));
        Ok(Self {
            link,
            subjects,
            backlog: Arc::default(),
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
        let mut member = Member {
            group: subject::legal_name(&spec.name),
            subjects: subject::subjects(&spec.topics)?,
            name: spec.name,
            link: Arc::clone(&self.link),
            waiting: RetryQueue::new(spec.ordered),
            arrived: SelectAll::new(),
            gave_retry: false,
            backlog: Arc::clone(&self.backlog),
            is_idle: false,
        };
        self.backlog.joined();
        member.join().await?;
        // The server knows of it once this is through.
        if self.link.is_up() {
            self.link.sent().await?;
        }
        let mut subjects = self.subjects.lock();
        subjects.extend_from_slice(&member.subjects);
        Ok(Box::new(member))
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

    fn requests(&self) -> Option<&dyn RequestReply> {
        Some(self)
    }

    fn republish(&self) -> Option<&dyn Republish> {
        Some(self)
    }

    fn trouble(&self) -> Option<String> {
        self.link.trouble().or_else(|| self.link.is_refused())
    }

    async fn close(&self) {
        self.link.flush().await;
    }
}

#[async_trait]
impl Republish for Core {
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
        request::check_size(&self.link, &headers, &message.data)?;
        let (topic, data) = (message.topic, message.data);
        let client = self.link.client();
        let asked = client.request_with_headers(topic.clone(), headers, data);
        match timeout(LISTENING, asked).await {
            // A bridge does not answer: silence is as good as anything.
            Err(_) => Ok(()),
            Ok(Ok(_)) => {
                self.backlog.took();
                Ok(())
            }
            Ok(Err(error)) if error.kind() == RequestErrorKind::NoResponders => {
                self.backlog.took();
                Err(Refusal::NobodyListens(topic).into())
            }
            Ok(Err(error)) => Err(request::failed(&error)),
        }
    }
}

#[async_trait]
impl RequestReply for Core {
    async fn request(&self, request: Request) -> Result<Vec<Reply>, BrokerError> {
        let replies = request::request(&self.link, request).await;
        let came = replies.as_ref().map_or(0, Vec::len);
        (0..came).for_each(|_| self.backlog.took());
        replies
    }
}

struct Member {
    name: String,
    group: String,
    subjects: Vec<String>,
    link: Arc<Link>,
    waiting: Arc<RetryQueue>,
    arrived: SelectAll<Subscriber>,
    gave_retry: bool,
    backlog: Arc<Backlog>,
    /// All that came was taken.
    is_idle: bool,
}

impl Drop for Member {
    fn drop(&mut self) {
        self.backlog.left(self.is_idle);
    }
}

/// Tells that messages are lost, each time that the client could not read one.
/// It does not say which, only what it was subscribed to can be named.
async fn tell_breaks(link: Weak<Link>, subjects: Arc<Mutex<Vec<String>>>) {
    let (Some(mut ups), limit) = (link.upgrade().map(|link| link.ups()), LogLimit::default())
    else {
        return;
    };
    let mut told = 0;
    // It ends with the link.
    while ups.changed().await.is_ok() {
        let Some(link) = link.upgrade() else {
            return;
        };
        for _ in told..link.breaks() {
            limit.count(|times| {
                let subjects = subjects.lock();
                tracing::warn!(
                    connection = link.name,
                    subjects = subjects.join(", "),
                    times,
                    "the connection broke with the server there, as at a message whose headers or subject cannot be \
                     read: such a message, and what came behind it, is lost"
                );
            });
        }
        told = link.breaks();
    }
}

impl Member {
    /// Subscribes, with the client of now.
    async fn join(&mut self) -> Result<(), BrokerError> {
        let client = self.link.client();
        let mut subscribers = Vec::new();
        for subject in &self.subjects {
            let joined = client.queue_subscribe(subject.clone(), self.group.clone());
            let refused = |error: SubscribeError| error::Refusal::Subscribe(error.to_string());
            subscribers.push(joined.await.map_err(refused)?);
        }
        self.arrived = select_all(subscribers);
        Ok(())
    }

    fn incoming(&self, kept: Kept) -> Incoming {
        Incoming {
            message: kept.message.clone(),
            id: kept.id.clone(),
            attempt: kept.attempt,
            tried_for: kept.first.map(|first| first.elapsed()),
            chances: Chances::Open,
            published: kept.published,
            reply_to: kept.reply_to.clone(),
            receipt: Box::new(CoreReceipt {
                waiting: Arc::clone(&self.waiting),
                kept: Some(kept),
            }),
        }
    }

    fn set_idle(&mut self, idle: bool) {
        if self.is_idle != idle {
            self.is_idle = idle;
            self.backlog.is_idle(idle);
        }
    }

    /// While messages are dropped: one that is here already, or word of how many
    /// there were.
    fn catch_up(&mut self) -> Option<Arrived> {
        match self.arrived.next().now_or_never() {
            Some(arrived) => arrived,
            None => {
                self.set_idle(true);
                self.backlog.tell(&self.link);
                None
            }
        }
    }

    /// `None` for what is not for this subscription to handle.
    fn take_in(&mut self, arrived: Arrived) -> Option<Incoming> {
        self.set_idle(false);
        self.backlog.took();
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
        // Where there is both, they take turns.
        self.gave_retry = !self.gave_retry;
        if !self.gave_retry
            && let Some(incoming) = self.arrived_now()
        {
            return Ok(incoming);
        }
        self.next_of(false).await
    }

    async fn next_fresh(&mut self) -> Result<Incoming, BrokerError> {
        self.next_of(true).await
    }
}

impl Member {
    /// What came and is here.
    fn arrived_now(&mut self) -> Option<Incoming> {
        if !self.waiting.has_room() {
            return None;
        }
        let arrived = self.arrived.next().now_or_never()??;
        self.take_in(arrived)
    }

    async fn next_of(&mut self, only_fresh: bool) -> Result<Incoming, BrokerError> {
        loop {
            let due = match only_fresh {
                true => None,
                false => match self.waiting.take() {
                    Ok(kept) => return Ok(self.incoming(kept)),
                    Err(due) => due,
                },
            };
            let room = self.waiting.has_room();
            if room
                && self.link.is_dropping()
                && let Some(arrived) = self.catch_up()
            {
                match self.take_in(arrived) {
                    Some(incoming) => return Ok(incoming),
                    None => continue,
                }
            }
            self.set_idle(room);
            let until = due.unwrap_or_else(tokio::time::Instant::now);
            tokio::select! {
                arrived = self.arrived.next(), if room => match arrived {
                    Some(arrived) => if let Some(incoming) = self.take_in(arrived) {
                        return Ok(incoming);
                    },
                    // The client ended; another takes its place.
                    None => {
                        self.link.connected().await;
                        self.backlog.begin_anew();
                        self.join().await?;
                    }
                },
                () = sleep_until(until), if due.is_some() => {}
                () = self.waiting.changed.notified() => {}
            }
        }
    }
}

struct CoreReceipt {
    waiting: Arc<RetryQueue>,
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

    /// A request waits here, where its reply can be sent.
    fn is_crowded(&self) -> bool {
        let kept = self.kept.as_ref();
        let asks = kept.is_some_and(|kept| matches!(kept.reply_to, ReplyTo::Wanted(_)));
        !asks && self.waiting.is_crowded()
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
