//! The broker on core NATS, which delivers at most once. Subscriptions are queue groups. Messages
//! in flight or waiting for a retry are lost with the process.
//!
//! `core_subscription` receives messages.

use std::sync::{Arc, Weak};
use std::time::Duration;

use async_nats::RequestErrorKind;
use async_trait::async_trait;
use parking_lot::Mutex;
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

/// How long to wait for the server's report that no client subscribes.
const LISTENING: Duration = Duration::from_millis(500);

/// A connection to core NATS.
pub struct CoreNats {
    connection: Arc<ReconnectingClient>,
    /// The subjects of all subscriptions.
    subjects: Arc<Mutex<Vec<String>>>,
    dropped: Arc<DropCounter>,
}

impl CoreNats {
    /// Starts to connect. `name` is the connection's name in the config.
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
            dropped: Arc::default(),
        })
    }
}

#[async_trait]
impl Broker for CoreNats {
    fn capabilities(&self) -> Capabilities {
        CORE_CAPABILITIES
    }

    /// The subscription receives messages published from now on. If the server is unreachable, it
    /// begins when the server is back.
    async fn subscribe(&self, spec: SubscribeSpec) -> Result<Box<dyn Subscription>, BrokerError> {
        let mut member = CoreSubscription::new(spec, &self.connection, &self.dropped)?;
        self.dropped.subscription_joined();
        member.join().await?;
        // After this, the server has processed the subscription.
        if self.connection.is_up() {
            self.connection.sent().await?;
        }
        let mut subjects = self.subjects.lock();
        subjects.extend_from_slice(member.subjects());
        Ok(Box::new(member))
    }

    /// Returns once the message is sent to the server. Possibly no client received it.
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
    /// Returns an error if no client subscribes to the topic, because the dead letter would be
    /// lost. A subscriber does not guarantee that the message arrives.
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
            // A bridge does not answer, so no answer means that a client subscribes.
            Err(_) => Ok(()),
            Ok(Ok(_)) => {
                self.dropped.record_taken();
                Ok(())
            }
            Ok(Err(error)) if error.kind() == RequestErrorKind::NoResponders => {
                self.dropped.record_taken();
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
        (0..came).for_each(|_| self.dropped.record_taken());
        replies
    }
}

/// Logs that messages were lost, each time the client could not read one. The client does not say
/// which message, so the log names the subscribed subjects.
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
    // The loop ends with the connection.
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
                    "the connection broke although the server is reachable, as it does at a message whose headers or subject cannot be \
                     read: this message, and the messages after it, are lost"
                );
            });
        }
        told = connection.breaks();
    }
}
