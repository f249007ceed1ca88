//! JetStream: streams keep messages, durable consumers give each to one of the
//! hosts that share them, until it is acknowledged.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream::context::{Context, ContextBuilder, PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::publish::PublishAck;
use async_trait::async_trait;
use tokio::time::timeout;

use super::connect::{ConnectError, Link};
use super::consumer::{self, Located};
use super::fetched::Fetched;
use super::member::Member;
use super::pull::{End, Pull};
use super::settings::{Consumer, JetStreamSettings};
use super::slots::Slots;
use super::{JETSTREAM, error, headers, stream, subject};
use crate::broker::{
    Broker, BrokerError, Capabilities, Confirmation, Published, SubscribeSpec, Subscription,
};
use crate::message::{Message, MessageId};

/// For the server to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Messages published and not yet confirmed.
const UNCONFIRMED: usize = 4096;
/// Between two attempts to find or make a consumer; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(10);

/// A NATS connection with JetStream.
pub struct JetStream {
    server: Arc<Server>,
    groups: Mutex<Vec<Arc<Group>>>,
}

struct Server {
    name: String,
    link: Arc<Link>,
    context: Context,
    prefix: String,
    settings: JetStreamSettings,
    /// Topics that have to be kept.
    kept: Mutex<Vec<String>>,
}

/// A subscription that was joined here.
struct Group {
    spec: SubscribeSpec,
    subjects: Vec<String>,
    settings: Consumer,
    slots: Arc<Slots>,
    /// Where its messages are, or why there are none.
    state: Mutex<Result<Located, String>>,
}

impl Group {
    fn set(&self, state: Result<Located, String>) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    fn state(&self) -> Result<Located, String> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.clone()
    }
}

impl JetStream {
    /// Begins to connect. `name` is the connection's.
    pub async fn open(name: &str, settings: &JetStreamSettings) -> Result<Self, ConnectError> {
        let link = Link::open(name, &settings.connection).await?;
        let context = ContextBuilder::new()
            .timeout(PATIENCE)
            .max_ack_inflight(UNCONFIRMED);
        let (context, prefix) = match &settings.domain {
            None => (context.build(link.client.clone()), "$JS.API".into()),
            Some(domain) => (
                context.domain(domain).build(link.client.clone()),
                format!("$JS.{domain}.API"),
            ),
        };
        Ok(Self {
            server: Arc::new(Server {
                name: name.into(),
                link,
                context,
                prefix,
                settings: settings.clone(),
                kept: Mutex::default(),
            }),
            groups: Mutex::default(),
        })
    }

    fn group(&self, spec: SubscribeSpec) -> Result<Group, BrokerError> {
        let configured = self.server.settings.consumers.get(&spec.name);
        Ok(Group {
            subjects: subject::subjects(&spec.topics)?,
            settings: configured.cloned().unwrap_or_default(),
            slots: Slots::new(spec.in_flight, spec.ordered),
            state: Mutex::new(Err("it has not begun".into())),
            spec,
        })
    }

    fn groups(&self) -> Vec<Arc<Group>> {
        let groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        groups.clone()
    }
}

impl Server {
    fn kept(&self) -> MutexGuard<'_, Vec<String>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn locate(&self, group: &Group) -> Result<Located, BrokerError> {
        self.link.check()?;
        let settings = &self.settings.stream;
        let stream = stream::ensure(&self.context, settings, &self.name, &group.subjects).await?;
        let (spec, subjects) = (&group.spec, &group.subjects);
        consumer::ensure(&self.context, stream, &group.settings, spec, subjects).await
    }

    async fn send(&self, topic: &str, publish: PublishMessage) -> Result<PublishAck, PublishError> {
        self.context
            .send_publish(topic.to_owned(), publish)
            .await?
            .await
    }

    /// Makes the stream of what has to be kept, or the one that is configured:
    /// messages can come before any subscription does.
    async fn make_stream(&self, topic: &str) -> Result<bool, BrokerError> {
        let settings = &self.settings.stream;
        if self.kept().iter().any(|kept| kept == topic) {
            stream::ensure_letters(&self.context, settings, &self.name, topic).await?;
            return Ok(true);
        }
        let Some(subjects) = settings.subjects.as_ref().filter(|_| settings.create) else {
            return Ok(false);
        };
        stream::ensure(&self.context, settings, &self.name, subjects).await?;
        Ok(true)
    }

    /// Keeps a group supplied until it is stopped.
    async fn supply(self: Arc<Self>, group: Arc<Group>, to: Arc<Fetched>) {
        let mut pause = FIRST_PAUSE;
        loop {
            if group.state().is_err() {
                let located = self.locate(&group).await;
                if let Err(error) = &located {
                    tracing::warn!(
                        connection = self.name,
                        subscription = group.spec.name,
                        %error,
                        again_in = ?pause,
                        "no messages from JetStream yet"
                    );
                }
                group.set(located.map_err(|error| error.to_string()));
            }
            if let Ok(located) = group.state() {
                let pull = Pull {
                    link: &self.link,
                    prefix: &self.prefix,
                    located: &located,
                    slots: &group.slots,
                    to: &to,
                };
                match pull.run().await {
                    End::Again => {
                        pause = FIRST_PAUSE;
                        self.link.connected().await;
                        continue;
                    }
                    End::Consumer(why) => group.set(Err(why)),
                }
            }
            tokio::time::sleep(pause).await;
            pause = LAST_PAUSE.min(pause * 2);
            self.link.connected().await;
        }
    }
}

#[async_trait]
impl Broker for JetStream {
    fn capabilities(&self) -> Capabilities {
        JETSTREAM
    }

    /// With a server there, what it refuses is an error at once; without one,
    /// the subscription waits.
    async fn subscribe(&self, spec: SubscribeSpec) -> Result<Box<dyn Subscription>, BrokerError> {
        let group = Arc::new(self.group(spec)?);
        match self.server.locate(&group).await {
            Ok(located) => group.set(Ok(located)),
            Err(refused @ BrokerError::Refused(_)) => return Err(refused),
            Err(error) => group.set(Err(error.to_string())),
        }
        let fetched = Arc::default();
        let supply = Arc::clone(&self.server).supply(Arc::clone(&group), Arc::clone(&fetched));
        let task = self.server.link.runtime.spawn(supply);
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        groups.push(Arc::clone(&group));
        Ok(Box::new(Member {
            spec: group.spec.clone(),
            fetched,
            task,
        }))
    }

    /// Makes stream and consumer. Without a server there, nothing can be
    /// published either: they are made once there is one.
    async fn announce(&self, spec: SubscribeSpec) -> Result<bool, BrokerError> {
        let group = self.group(spec)?;
        match self.server.locate(&group).await {
            Err(refused @ BrokerError::Refused(_)) => Err(refused),
            Ok(_) | Err(_) => Ok(true),
        }
    }

    /// In order once it is sent; the server's confirmation comes later.
    async fn enqueue(
        &self,
        message: Message,
        id: Option<MessageId>,
    ) -> Result<Confirmation, BrokerError> {
        subject::check_publish(&message.topic)?;
        let link = &self.server.link;
        link.check()?;
        let (size, max) = (message.data.len() as u64, link.client.max_payload() as u64);
        if size > max {
            return Err(BrokerError::TooLarge { size, max });
        }
        let id = id.unwrap_or_else(MessageId::generate);
        let headers = headers::encode(&message, Some(&id));
        let topic = message.topic;
        let publish = PublishMessage::build()
            .payload(message.data)
            .headers(headers);
        let context = &self.server.context;
        let ack = context.send_publish(topic.clone(), publish.clone()).await;
        let ack = ack.map_err(|error| match error.kind() {
            PublishErrorKind::MaxPayloadExceeded => BrokerError::TooLarge { size, max },
            _ => error::publish(&topic, &error),
        })?;
        let server = Arc::clone(&self.server);
        Ok(Box::pin(async move {
            let mut sent = ack.await;
            if sent.as_ref().is_err_and(is_without_stream) && server.make_stream(&topic).await? {
                sent = server.send(&topic, publish).await;
            }
            let ack = sent.map_err(|error| error::publish(&topic, &error))?;
            Ok(Published {
                id,
                duplicate: ack.duplicate,
            })
        }))
    }

    async fn keep_topic(&self, topic: &str) -> Result<(), BrokerError> {
        let server = &self.server;
        server.kept().push(topic.into());
        server.link.check()?;
        let settings = &server.settings.stream;
        stream::ensure_letters(&server.context, settings, &server.name, topic).await
    }

    async fn republish(
        &self,
        message: Message,
        id: &MessageId,
        group: &str,
        once: &MessageId,
    ) -> Result<(), BrokerError> {
        subject::check_publish(&message.topic)?;
        self.server.link.check()?;
        let headers = headers::encode_replay(&message, id, group, once);
        let topic = message.topic;
        let publish = PublishMessage::build()
            .payload(message.data)
            .headers(headers);
        let sent = self.server.send(&topic, publish).await;
        sent.map(drop)
            .map_err(|error| error::publish(&topic, &error))
    }

    fn trouble(&self) -> Option<String> {
        self.server.link.trouble().or_else(|| {
            let groups = self.groups();
            groups.iter().find_map(|group| {
                let why = group.state().err()?;
                Some(format!(
                    "the subscription {:?} has no messages: {why}",
                    group.spec.name
                ))
            })
        })
    }

    async fn pending(&self, name: &str) -> Option<u64> {
        let groups = self.groups();
        let group = groups.iter().find(|group| group.spec.name == name)?;
        let located = group.state().ok()?;
        self.server.link.check().ok()?;
        let stream = self
            .server
            .context
            .get_stream_no_info(&located.stream)
            .await
            .ok()?;
        let asked = stream.consumer_info(&located.name);
        let info = timeout(PATIENCE, asked).await.ok()?.ok()?;
        Some(info.num_pending + info.num_ack_pending as u64)
    }

    async fn close(&self) {
        self.server.link.flush().await;
    }
}

fn is_without_stream(error: &PublishError) -> bool {
    error.kind() == PublishErrorKind::StreamNotFound
}
