//! Core NATS: at most once. Subscriptions are queue groups; what is under way
//! or waits for a retry is lost with the process.

use parking_lot::Mutex;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_nats::RequestErrorKind;
use async_trait::async_trait;
use tokio::time::timeout;

use super::client::ReconnectingClient;
use super::core_subscription::CoreSubscription;
use super::dropped::DropCounter;
use super::session::ConnectError;
use super::settings::Settings;
use super::{CORE_CAPABILITIES, headers, request, subject};
use crate::broker::kit::log_limit::LogLimit;
use crate::broker::{
    Broker, BrokerError, Capabilities, Confirmation, Published, Refusal, Reply, Republish, Request,
    RequestReply, SubscribeSpec, Subscription,
};
use crate::message::{Message, MessageId};

/// For the server to say that nobody listens.
const LISTENING: Duration = Duration::from_millis(500);

/// A NATS connection.
pub struct CoreNats {
    connection: Arc<ReconnectingClient>,
    /// What is subscribed to.
    subjects: Arc<Mutex<Vec<String>>>,
    backlog: Arc<DropCounter>,
}

impl CoreNats {
    /// Begins to connect. `name` is the connection's.
    pub async fn open(name: &str, settings: &Settings) -> Result<Self, ConnectError> {
        let (connection, subjects) = (
            ReconnectingClient::open(name, settings).await?,
            Arc::default(),
        );
        tokio::spawn(log_breaks(
            Arc::downgrade(&connection),
            Arc::clone(&subjects),
        ));
        Ok(Self {
            connection,
            subjects,
            backlog: Arc::default(),
        })
    }
}

#[async_trait]
impl Broker for CoreNats {
    fn capabilities(&self) -> Capabilities {
        CORE_CAPABILITIES
    }

    /// Messages published before are not there any more. Without a server
    /// there, the subscription begins once there is one.
    async fn subscribe(&self, spec: SubscribeSpec) -> Result<Box<dyn Subscription>, BrokerError> {
        let mut member = CoreSubscription::new(spec, &self.connection, &self.backlog)?;
        self.backlog.joined();
        member.join().await?;
        // The server knows of it once this is through.
        if self.connection.is_up() {
            self.connection.sent().await?;
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
        request::send(&self.connection, message, &id, None).await?;
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
        self.connection
            .trouble()
            .or_else(|| self.connection.is_refused())
    }

    async fn close(&self) {
        self.connection.flush().await;
    }
}

#[async_trait]
impl Republish for CoreNats {
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
        self.connection.check()?;
        let headers = headers::encode_replay(&message, id, group, once);
        request::check_size(&self.connection, &headers, &message.data)?;
        let (topic, data) = (message.topic, message.data);
        let client = self.connection.session();
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
impl RequestReply for CoreNats {
    async fn request(&self, request: Request) -> Result<Vec<Reply>, BrokerError> {
        let replies = request::request(&self.connection, request).await;
        let came = replies.as_ref().map_or(0, Vec::len);
        (0..came).for_each(|_| self.backlog.took());
        replies
    }
}

/// Tells that messages are lost, each time that the client could not read one.
/// It does not say which, only what it was subscribed to can be named.
async fn log_breaks(connection: Weak<ReconnectingClient>, subjects: Arc<Mutex<Vec<String>>>) {
    let (Some(mut connection_changes), limit) = (
        connection
            .upgrade()
            .map(|connection| connection.connection_changes()),
        LogLimit::default(),
    ) else {
        return;
    };
    let mut told = 0;
    // It ends with the link.
    while connection_changes.changed().await.is_ok() {
        let Some(connection) = connection.upgrade() else {
            return;
        };
        for _ in told..connection.breaks() {
            limit.count(|times| {
                let subjects = subjects.lock();
                tracing::warn!(
                    connection = connection.name,
                    subjects = subjects.join(", "),
                    times,
                    "the connection broke with the server there, as at a message whose headers or subject cannot be \
                     read: such a message, and what came behind it, is lost"
                );
            });
        }
        told = connection.breaks();
    }
}
