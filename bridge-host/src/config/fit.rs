//! What has to fit between a subscription and the connection it comes from.

use std::collections::BTreeMap;

use super::letters_fit;
use super::{Connection, Subscription};
use crate::broker::Start;
use crate::broker::nats::{JetStreamSettings, check_subject, legal_name};
use crate::schema::{Fault, Reader};

/// Takes note of what does not fit, and hands each connection what its
/// subscriptions ask of it.
pub(super) fn fit(
    reader: &Reader<'_>,
    connections: &mut BTreeMap<String, Connection>,
    subscriptions: &[Subscription],
) {
    let mut groups = BTreeMap::new();
    for subscription in subscriptions {
        let one = One {
            reader,
            subscription,
        };
        if let Some(from) = connections.get(&subscription.from) {
            let to = subscription.dead_letters.as_ref();
            let to = to.and_then(|to| connections.get(&to.connection));
            letters_fit::fit(reader, subscription, from, to);
        }
        let Some(connection) = connections.get_mut(&subscription.from) else {
            continue;
        };
        let kind = connection.kind();
        match connection {
            Connection::Embedded(settings) => {
                one.no_consumer(kind);
                let quota = subscription.quota;
                let quota = quota.map(|quota| (subscription.name.clone(), quota));
                settings.quotas.extend(quota);
            }
            Connection::Nats(_) => {
                one.no_quota(kind);
                one.no_consumer(kind);
                one.no_start();
                one.subjects();
                one.group(&mut groups);
            }
            Connection::JetStream(settings) => {
                one.no_quota(kind);
                one.subjects();
                one.group(&mut groups);
                one.consumer(settings);
            }
        }
    }
}

/// A subscription that is looked at.
struct One<'a> {
    reader: &'a Reader<'a>,
    subscription: &'a Subscription,
}

impl<'a> One<'a> {
    fn fault(&self, key: &str, what: String, help: &str) {
        let place = self.subscription.place(key).cloned();
        self.reader.push(Fault::new(place, what, Some(help)));
    }

    fn no_consumer(&self, kind: &str) {
        if self.subscription.consumer.is_some() {
            let from = &self.subscription.from;
            self.fault(
                "consumer",
                format!("`consumer` is for JetStream, and `{from}` is {kind}"),
                "leave it out, or take messages from a connection of type \"jetstream\"",
            );
        }
    }

    fn no_start(&self) {
        if let Some(start) = self.subscription.start
            && start != Start::New
        {
            let (from, start) = (&self.subscription.from, start.as_str());
            self.fault(
                "start",
                format!("`start` cannot be `{start}`: `{from}` is nats, which keeps no messages"),
                "leave it out: a subscription to core NATS begins with the next message",
            );
        }
    }

    fn no_quota(&self, kind: &str) {
        if self.subscription.quota.is_some() {
            let from = &self.subscription.from;
            self.fault(
                "quota",
                format!("`quota` is for the embedded broker, and `{from}` is {kind}"),
                "leave it out: on JetStream the stream's own limits apply",
            );
        }
    }

    fn subjects(&self) {
        for topic in self.subscription.topics.iter().flatten() {
            if let Err(what) = check_subject(topic.as_str()) {
                self.fault("topics", what.to_string(), "write the topic as NATS has it");
            }
        }
    }

    /// No two subscriptions share messages by accident.
    fn group(&self, groups: &mut BTreeMap<(&'a str, String), &'a str>) {
        let from = &self.subscription.from;
        let consumer = self.subscription.consumer.as_ref();
        let given = consumer.and_then(|consumer| consumer.durable.clone());
        let durable = given.is_some();
        let group = given.unwrap_or_else(|| legal_name(&self.subscription.name));
        let name = self.subscription.name.as_str();
        if let Some(other) = groups.insert((from, group.clone()), name) {
            self.fault(
                if durable { "consumer" } else { "name" },
                format!("{other:?} and {name:?} would share the messages of {group:?} on `{from}`"),
                "name one of them otherwise, or its consumer (`consumer.durable`): letters, digits, `-` and `_` stay as they are",
            );
        }
    }

    fn consumer(&self, settings: &mut JetStreamSettings) {
        let consumer = self.subscription.consumer.clone().unwrap_or_default();
        let most = consumer.max_ack_pending as usize;
        let here = self.subscription.policy.max_in_flight;
        if most < here {
            self.fault(
                "consumer",
                format!(
                    "`max_ack_pending` is {most}, and this host alone has {here} messages in flight"
                ),
                "raise it, or lower `max_in_flight`",
            );
        }
        let name = self.subscription.name.clone();
        settings.consumers.insert(name, consumer);
    }
}
