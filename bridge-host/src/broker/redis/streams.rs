//! The broker: publishes to the stream, and joins its consumer groups.
//! `supply` fetches the messages of a group.

use std::sync::Arc;

use async_trait::async_trait;
use redis::{Cmd, cmd};
use tokio::time::timeout;

use super::CAPABILITIES;
use super::client::ReconnectingClient;
use super::connect::{ANSWER, ConnectError};
use super::dead_letter::DeadLetterMessages;
use super::error::{Outage, Refusal};
use super::group::Group;
use super::lease::MessageDecoder;
use super::publish::Publisher;
use super::settings::Settings;
use super::supply::Supply;
use super::{fields, keys, scripts};
use crate::broker::kit::dead_letters::DeadLetterSource;
use crate::broker::kit::joined_groups::JoinedGroups;
use crate::broker::kit::pulled_subscription::PulledSubscription;
use crate::broker::kit::recent_trouble::RecentTrouble;
use crate::broker::{
    Broker, BrokerError, Capabilities, Confirmation, DeadLetterTopics, Published, Republish,
    SubscribeSpec, Subscription,
};
use crate::message::{Message, MessageId, check_topic};

/// A Redis connection with its stream.
pub struct Streams {
    client: Arc<ReconnectingClient>,
    settings: Settings,
    publisher: Publisher,
    groups: JoinedGroups<Group>,
    /// Set while Redis has no memory for messages.
    full: Arc<RecentTrouble>,
}

impl Streams {
    /// Starts to connect. `name` is the connection's name in the config.
    pub async fn open(name: &str, settings: &Settings) -> Result<Self, ConnectError> {
        let client = ReconnectingClient::open(name, settings).await?;
        Ok(Self {
            publisher: Publisher::new(&client),
            client,
            settings: settings.clone(),
            groups: JoinedGroups::default(),
            full: Arc::default(),
        })
    }

    /// Returns the command that adds an entry, unless the id `seen` was published before.
    fn add(&self, message: &Message, seen: Option<&MessageId>) -> Cmd {
        let Settings {
            stream,
            max_length,
            deduplication_window,
            ..
        } = &self.settings;
        let mut add = match seen {
            Some(id) => {
                let seen = keys::deduplication_key(stream, id, &message.topic);
                scripts::publish(stream, &seen, *deduplication_window)
            }
            None => {
                let mut add = cmd("XADD");
                add.arg(stream);
                add
            }
        };
        if let Some(max_length) = max_length {
            add.arg("MAXLEN").arg("~").arg(max_length);
        }
        add.arg("*");
        add
    }

    async fn send(
        &self,
        mut add: Cmd,
        fields: Vec<bytes::Bytes>,
    ) -> Result<impl Future<Output = Result<bool, BrokerError>> + use<>, BrokerError> {
        if let Some(trouble) = self.client.trouble() {
            return Err(Outage::Down(trouble).into());
        }
        fields.iter().for_each(|part| {
            add.arg(&part[..]);
        });
        let answer = self.publisher.send(add).await?;
        let (full, name) = (Arc::clone(&self.full), self.client.name.clone());
        Ok(async move {
            let answer = answer.await.unwrap_or(Err(Outage::Ended.into()));
            match &answer {
                Ok(_) => full.clear(&name, "Redis has room again"),
                Err(error @ BrokerError::Full(_)) => full.raise(&name, error.to_string()),
                Err(_) => {}
            }
            answer
        })
    }
}

#[async_trait]
impl Broker for Streams {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            lease: Some(self.settings.ack_wait),
            ..CAPABILITIES
        }
    }

    /// Returns an error if the server refuses the subscription permanently. If the
    /// server is unavailable, the subscription waits.
    async fn subscribe(&self, spec: SubscribeSpec) -> Result<Box<dyn Subscription>, BrokerError> {
        let group = Group::new(spec, &self.settings)?;
        let supply = Supply::new(&self.client, &group, self.settings.max_age);
        supply.begin().await?;
        let reader = MessageDecoder(self.settings.stream.clone());
        let (prefetch, runtime) = (supply.prefetch(), &self.client.runtime);
        let member = PulledSubscription::new(&group.spec, reader, prefetch, supply, runtime);
        self.groups.add(group, member.ended());
        Ok(Box::new(member))
    }

    /// Creates the group. If the server is unavailable, nothing can be published
    /// either, so the group is created when the server is back.
    async fn announce(&self, spec: SubscribeSpec) -> Result<bool, BrokerError> {
        let group = Group::new(spec, &self.settings)?;
        BrokerError::only_refusal(group.locate(&self.client).await)?;
        Ok(true)
    }

    async fn enqueue(
        &self,
        message: Message,
        id: Option<MessageId>,
    ) -> Result<Confirmation, BrokerError> {
        check_topic(&message.topic)?;
        let add = self.add(&message, id.as_ref());
        let id = id.unwrap_or_else(MessageId::generate);
        let fields = fields::encode(&message, &id, None);
        let answer = self.send(add, fields).await?;
        Ok(Box::pin(async move {
            let duplicate = answer.await?;
            Ok(Published { id, duplicate })
        }))
    }

    fn dead_letter_topics(&self) -> Option<&dyn DeadLetterTopics> {
        Some(self)
    }

    fn republish(&self) -> Option<&dyn Republish> {
        Some(self)
    }

    fn trouble(&self) -> Option<String> {
        let groups = || self.groups.find_map(|group| group.presence.trouble());
        // What Redis refuses is the cause of what a group lacks.
        let trouble = self.client.trouble().or_else(|| self.client.refusal());
        trouble.or_else(groups).or_else(|| self.full.get())
    }

    async fn pending(&self, name: &str) -> Option<u64> {
        let group = |group: &Arc<Group>| (group.spec.name == name).then(|| Arc::clone(group));
        let group = self.groups.find_map(group)?;
        timeout(ANSWER, group.pending(&self.client)).await.ok()?
    }

    async fn close(&self) {
        // By then, the groups have given back the messages that were in transit.
        self.groups.ended(ANSWER).await;
        self.groups.for_each(|group| group.leave(&self.client));
        self.client.flush().await;
    }
}

#[async_trait]
impl DeadLetterTopics for Streams {
    /// The stream keeps all messages, unless it is trimmed.
    async fn keep_topic(&self, _topic: &str) -> Result<(), BrokerError> {
        let Settings {
            stream,
            max_length,
            max_age,
            ..
        } = &self.settings;
        match max_length.is_some() || max_age.is_some() {
            true => Err(Refusal::TrimmedLetters(stream.clone()).into()),
            false => Ok(()),
        }
    }

    async fn letters(&self, topics: Vec<String>) -> Result<Box<dyn DeadLetterSource>, BrokerError> {
        let (client, stream) = (Arc::clone(&self.client), &self.settings.stream);
        Ok(Box::new(
            DeadLetterMessages::open(client, stream, topics).await?,
        ))
    }
}

#[async_trait]
impl Republish for Streams {
    async fn republish(
        &self,
        message: Message,
        id: &MessageId,
        group: &str,
        once: &MessageId,
    ) -> Result<(), BrokerError> {
        check_topic(&message.topic)?;
        let add = self.add(&message, Some(once));
        let fields = fields::encode(&message, id, Some(group));
        self.send(add, fields).await?.await.map(drop)
    }
}
