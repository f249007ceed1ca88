//! NATS in a config: the descriptors of core NATS and of JetStream, and the checks of
//! their subscriptions. `describe` describes the effective settings.

use std::sync::Arc;

use async_trait::async_trait;

use super::settings::{Consumer, JetStreamSettings, Settings, Storage};
use super::subject::{check_subject, legal_name};
use super::{CORE_CAPABILITIES, CoreNats, JETSTREAM_CAPABILITIES, JetStream, describe};
use crate::broker::{
    Broker, BrokerSettings, Description, Descriptor, GroupName, Incompatibility, OpenContext,
    OpenError, PlannedSubscription, Start, SubscriptionOption, option,
};
use crate::message::TopicPattern;
use crate::schema::{Group, table};

const CONSUMER: &str = "consumer";

/// The descriptor of core NATS.
pub const CORE_DESCRIPTOR: Descriptor = Descriptor {
    name: "nats",
    title: "core NATS",
    capabilities: CORE_CAPABILITIES,
    table: Settings::TABLE,
    read: |section| Some(Box::new(Settings::read(section)?)),
    options: &[],
};

/// The descriptor of JetStream.
pub const JETSTREAM_DESCRIPTOR: Descriptor = Descriptor {
    name: "jetstream",
    title: "JetStream",
    capabilities: JETSTREAM_CAPABILITIES,
    table: JetStreamSettings::TABLE,
    read: |section| Some(Box::new(JetStreamSettings::read(section)?)),
    options: &[SubscriptionOption {
        setting: table::<Consumer>()
            .optional("the defaults of its keys")
            .named(CONSUMER, "How it takes messages from JetStream."),
        read: |section| option::<Consumer>(section, CONSUMER),
        elsewhere: "leave it out, or take messages from a connection of type \"jetstream\"",
    }],
};

#[async_trait]
impl BrokerSettings for Settings {
    async fn open(&self, opening: OpenContext<'_>) -> Result<Arc<dyn Broker>, OpenError> {
        let opened = CoreNats::open(opening.name, self).await;
        Ok(Arc::new(opened.map_err(OpenError::new)?))
    }

    fn describe(&self) -> Description {
        describe::core(self)
    }

    fn incompatibilities(&self, subscription: &PlannedSubscription<'_>) -> Vec<Incompatibility> {
        let mut incompatibilities = subjects(subscription);
        if let Some(start) = subscription.start.filter(|start| *start != Start::New) {
            let (from, start) = (subscription.from, start.as_str());
            incompatibilities.push(Incompatibility {
                key: "start",
                what: format!(
                    "`start` cannot be `{start}`: `{from}` is nats, which keeps no messages"
                ),
                help: "leave it out: a subscription to core NATS begins with the next message",
            });
        }
        incompatibilities
    }

    fn group(&self, subscription: &PlannedSubscription<'_>) -> Option<GroupName> {
        Some(group(subscription, None))
    }

    fn places(&self) -> Vec<String> {
        self.urls.clone()
    }
}

#[async_trait]
impl BrokerSettings for JetStreamSettings {
    async fn open(&self, opening: OpenContext<'_>) -> Result<Arc<dyn Broker>, OpenError> {
        let mut settings = self.clone();
        for (name, options) in opening.subscriptions {
            let consumer = options.get(CONSUMER).cloned();
            settings
                .consumers
                .extend(consumer.map(|it| (name.clone(), it)));
        }
        let opened = JetStream::open(opening.name, &settings).await;
        Ok(Arc::new(opened.map_err(OpenError::new)?))
    }

    fn describe(&self) -> Description {
        describe::jetstream(self)
    }

    fn describe_options(&self, subscription: &PlannedSubscription<'_>) -> Description {
        let mut described = Description::default();
        describe::consumer(&mut described, &consumer(subscription), subscription);
        described
    }

    fn incompatibilities(&self, subscription: &PlannedSubscription<'_>) -> Vec<Incompatibility> {
        let mut incompatibilities = subjects(subscription);
        let most = consumer(subscription).max_ack_pending as usize;
        let here = subscription.max_in_flight;
        if most < here {
            incompatibilities.push(Incompatibility {
                key: CONSUMER,
                what: format!(
                    "`max_ack_pending` is {most}, and this host alone has {here} messages in flight"
                ),
                help: "raise it, or lower `max_in_flight`",
            });
        }
        incompatibilities
    }

    fn group(&self, subscription: &PlannedSubscription<'_>) -> Option<GroupName> {
        Some(group(subscription, consumer(subscription).durable))
    }

    fn loses_letters(&self, topic: &str) -> Option<Incompatibility> {
        if let Err(error) = check_subject(topic) {
            return Some(Incompatibility {
                key: "dead_letters",
                what: error.to_string(),
                help: "write the topic without white space",
            });
        }
        let subjects = self.stream.subjects.iter().flatten();
        let mut subjects = subjects.filter_map(|one| TopicPattern::parse(one).ok());
        let lost = self.stream.storage == Storage::Memory && subjects.any(|one| one.matches(topic));
        lost.then(|| Incompatibility {
            key: "dead_letters",
            what: format!(
                "the stream that takes {topic:?} is in memory: its dead letters would be gone with the server"
            ),
            help: "choose a topic that `subjects` does not select, or `storage = \"file\"`",
        })
    }

    fn places(&self) -> Vec<String> {
        self.connection.places()
    }
}

/// Returns how a subscription receives its messages from JetStream.
fn consumer(subscription: &PlannedSubscription<'_>) -> Consumer {
    let consumer: Option<&Consumer> = subscription.options.get(CONSUMER);
    consumer.cloned().unwrap_or_default()
}

fn group(subscription: &PlannedSubscription<'_>, durable: Option<String>) -> GroupName {
    GroupName {
        key: match durable {
            Some(_) => CONSUMER,
            None => "name",
        },
        name: durable.unwrap_or_else(|| legal_name(subscription.name)),
        help: "name one of them otherwise, or its consumer (`consumer.durable`): letters, digits, `-` and `_` stay as they are",
    }
}

/// Reports the topics that cannot be NATS subjects.
fn subjects(subscription: &PlannedSubscription<'_>) -> Vec<Incompatibility> {
    let topics = subscription.topics.iter();
    let wrong = topics.filter_map(|topic| check_subject(topic.as_str()).err());
    wrong
        .map(|error| Incompatibility {
            key: "topics",
            what: error.to_string(),
            help: "write the topic without white space",
        })
        .collect()
}
