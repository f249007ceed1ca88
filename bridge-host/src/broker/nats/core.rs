//! Core NATS: at most once. Subscriptions are queue groups; what is under way
//! or waits for a retry is lost with the process.

use parking_lot::Mutex;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_nats::RequestErrorKind;
use async_trait::async_trait;
use tokio::time::timeout;

use super::backlog::Backlog;
use super::connect::Link;
use super::core_subscription::CoreSubscription;
use super::session::ConnectError;
use super::settings::Settings;
use super::{CORE, headers, request, subject};
use crate::broker::kit::log_limit::LogLimit;
use crate::broker::{
    Broker, BrokerError, Capabilities, Confirmation, Published, Refusal, Reply, Republish, Request,
    RequestReply, SubscribeSpec, Subscription,
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
        let mut member = CoreSubscription::new(spec, &self.link, &self.backlog)?;
        self.backlog.joined();
        member.join().await?;
        // The server knows of it once this is through.
        if self.link.is_up() {
            self.link.sent().await?;
        }
        let mut subjects = self.subjects.lock();
        subjects.extend_from_slice(member.subjects());
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
