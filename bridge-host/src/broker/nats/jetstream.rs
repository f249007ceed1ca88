//! The broker on JetStream: publishes to streams, and joins durable consumers.
//!
//! `supply` fetches the messages of a subscription.

use std::sync::Arc;

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::publish::PublishAck;
use async_trait::async_trait;
use parking_lot::{Mutex, MutexGuard};
use tokio::time::timeout;

use super::client::ReconnectingClient;
use super::dead_letter::DeadLetterMessages;
use super::decoder::MessageDecoder;
use super::group::Group;
use super::jetstream_api::{JetStreamApi, PATIENCE};
use super::session::ConnectError;
use super::settings::JetStreamSettings;
use super::supply::Supply;
use super::{JETSTREAM_CAPABILITIES, error, headers, request, stream, subject};
use crate::broker::kit::dead_letters::DeadLetterSource;
use crate::broker::kit::joined_groups::JoinedGroups;
use crate::broker::kit::pulled_subscription::PulledSubscription;
use crate::broker::kit::recent_trouble::RecentTrouble;
use crate::broker::{
    Broker, BrokerError, Capabilities, Confirmation, DeadLetterTopics, Published, Republish,
    SubscribeSpec, Subscription,
};
use crate::message::{Message, MessageId};

/// A NATS connection with JetStream.
pub struct JetStream {
    server: Arc<StreamServer>,
    groups: JoinedGroups<Group>,
}

struct StreamServer {
    name: String,
    api: Arc<JetStreamApi>,
    settings: JetStreamSettings,
    /// Topics on which a stream must keep messages.
    kept: Mutex<Vec<String>>,
    /// Set while JetStream has no room for messages.
    full: RecentTrouble,
}

impl JetStream {
    /// Starts to connect. `name` is the connection's name in the config.
    pub async fn open(name: &str, settings: &JetStreamSettings) -> Result<Self, ConnectError> {
        let connection = ReconnectingClient::open(name, &settings.connection).await?;
        Ok(Self {
            server: Arc::new(StreamServer {
                name: name.into(),
                api: Arc::new(JetStreamApi::new(connection, settings.domain.as_deref())),
                settings: settings.clone(),
                kept: Mutex::default(),
                full: RecentTrouble::default(),
            }),
            groups: JoinedGroups::default(),
        })
    }
}

impl StreamServer {
    fn kept(&self) -> MutexGuard<'_, Vec<String>> {
        self.kept.lock()
    }

    async fn send(&self, topic: &str, publish: PublishMessage) -> Result<PublishAck, PublishError> {
        let context = self.api.context();
        context.send_publish(topic.to_owned(), publish).await?.await
    }

    /// Returns why a message was not stored.
    async fn publish_error(&self, topic: &str, error: &PublishError) -> BrokerError {
        match error.kind() {
            PublishErrorKind::StreamNotFound => {
                stream::missing_stream(&self.api.context(), topic).await
            }
            PublishErrorKind::TimedOut => match self.api.connection.refusal() {
                Some(refusal) => error::Outage::Denied(refusal).into(),
                None => BrokerError::Timeout,
            },
            _ => {
                let error = error::publish(error);
                if let BrokerError::Full(_) = &error {
                    self.full.raise(&self.name, error.to_string());
                }
                error
            }
        }
    }

    /// Creates the stream for a topic that must be kept, or the configured stream, because messages
    /// may be published before any subscription joins. Returns `false` if there is none to create.
    async fn make_stream(&self, topic: &str) -> Result<bool, BrokerError> {
        let (settings, context) = (&self.settings.stream, self.api.context());
        if self.kept().iter().any(|kept| kept == topic) {
            stream::ensure_dead_letter_stream(&context, settings, &self.name, topic).await?;
            return Ok(true);
        }
        let Some(subjects) = settings.subjects.as_ref().filter(|_| settings.create) else {
            return Ok(false);
        };
        stream::ensure(&context, settings, &self.name, subjects).await?;
        Ok(true)
    }
}

#[async_trait]
impl Broker for JetStream {
    fn capabilities(&self) -> Capabilities {
        JETSTREAM_CAPABILITIES
    }

    /// Returns an error if the server refuses the subscription. If the server is unreachable, the
    /// subscription waits.
    async fn subscribe(&self, spec: SubscribeSpec) -> Result<Box<dyn Subscription>, BrokerError> {
        let (server, name) = (&self.server, &self.server.name);
        let group = Group::new(spec, name, &server.settings)?;
        let supply = Supply::new(&server.api, Arc::clone(&group));
        supply.begin().await?;
        let (prefetch, runtime) = (supply.prefetch(), &server.api.connection.runtime);
        let member =
            PulledSubscription::new(&group.spec, MessageDecoder, prefetch, supply, runtime);
        self.groups.add(group, member.ended());
        Ok(Box::new(member))
    }

    /// Creates the stream and the consumer. If the server is unreachable, nothing can be published
    /// either, so they are created later.
    async fn announce(&self, spec: SubscribeSpec) -> Result<bool, BrokerError> {
        let server = &self.server;
        let group = Group::new(spec, &server.name, &server.settings)?;
        BrokerError::only_refusal(group.locate(&server.api).await)?;
        Ok(true)
    }

    /// The order is that of sending. The server confirms later.
    async fn enqueue(
        &self,
        message: Message,
        id: Option<MessageId>,
    ) -> Result<Confirmation, BrokerError> {
        subject::check_publish(&message.topic)?;
        let connection = &self.server.api.connection;
        connection.check()?;
        let id = id.unwrap_or_else(MessageId::generate);
        let headers = headers::encode(&message, Some(&id));
        request::check_size(connection, &headers, &message.data)?;
        let topic = message.topic;
        let publish = PublishMessage::build()
            .payload(message.data)
            .headers(headers);
        let context = self.server.api.context();
        let ack = context.send_publish(topic.clone(), publish.clone()).await;
        let ack = ack.map_err(|error| error::publish(&error))?;
        let server = Arc::clone(&self.server);
        Ok(Box::pin(async move {
            let mut sent = ack.await;
            if sent.as_ref().is_err_and(is_without_stream) && server.make_stream(&topic).await? {
                sent = server.send(&topic, publish).await;
            }
            match sent {
                Ok(ack) => {
                    server.full.clear(&server.name, "JetStream has room again");
                    Ok(Published {
                        id,
                        duplicate: ack.duplicate,
                    })
                }
                Err(error) => Err(server.publish_error(&topic, &error).await),
            }
        }))
    }

    fn dead_letter_topics(&self) -> Option<&dyn DeadLetterTopics> {
        Some(self)
    }

    fn republish(&self) -> Option<&dyn Republish> {
        Some(self)
    }

    fn trouble(&self) -> Option<String> {
        let connection = &self.server.api.connection;
        let groups = || self.groups.find_map(|group| group.presence.trouble());
        let trouble = connection.trouble().or_else(groups);
        let trouble = trouble.or_else(|| connection.is_refused());
        trouble.or_else(|| self.server.full.get())
    }

    async fn pending(&self, name: &str) -> Option<u64> {
        let group = |group: &Arc<Group>| (group.spec.name == name).then(|| Arc::clone(group));
        let located = self.groups.find_map(group)?.presence.located()?;
        self.server.api.connection.check().ok()?;
        let context = self.server.api.context();
        let stream = context.get_stream_no_info(&located.stream.name).await;
        let stream = stream.ok()?;
        let asked = stream.consumer_info(&located.name);
        let info = timeout(PATIENCE, asked).await.ok()?.ok()?;
        Some(info.num_pending + info.num_ack_pending as u64)
    }

    async fn close(&self) {
        // By then, the groups have given back the messages that were in transit.
        self.groups.ended(PATIENCE).await;
        self.server.api.connection.flush().await;
    }
}

#[async_trait]
impl DeadLetterTopics for JetStream {
    async fn keep_topic(&self, topic: &str) -> Result<(), BrokerError> {
        let server = &self.server;
        server.kept().push(topic.into());
        server.api.connection.check()?;
        let (settings, context) = (&server.settings.stream, server.api.context());
        stream::ensure_dead_letter_stream(&context, settings, &server.name, topic).await
    }

    async fn letters(&self, topics: Vec<String>) -> Result<Box<dyn DeadLetterSource>, BrokerError> {
        let letters = DeadLetterMessages::open(Arc::clone(&self.server.api), topics).await?;
        Ok(Box::new(letters))
    }
}

#[async_trait]
impl Republish for JetStream {
    async fn republish(
        &self,
        message: Message,
        id: &MessageId,
        group: &str,
        once: &MessageId,
    ) -> Result<(), BrokerError> {
        subject::check_publish(&message.topic)?;
        self.server.api.connection.check()?;
        let headers = headers::encode_replay(&message, id, group, once);
        request::check_size(&self.server.api.connection, &headers, &message.data)?;
        let topic = message.topic;
        let publish = PublishMessage::build()
            .payload(message.data)
            .headers(headers);
        match self.server.send(&topic, publish).await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.server.publish_error(&topic, &error).await),
        }
    }
}

fn is_without_stream(error: &PublishError) -> bool {
    error.kind() == PublishErrorKind::StreamNotFound
}
