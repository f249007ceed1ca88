//! The effective settings of a config as plain data, for `--json` and for `show`. The keys
//! come from their declarations.

mod retry;

use serde::Serialize;

use super::broker::{Broker, Described, at_broker, delivers, warnings};
use super::stores;
use crate::config::{ComponentTopics, Components, Config, Connection, Loop, Subscription, loops};
use crate::host::{self, posts_published_messages, too_few_descriptors};
use crate::schema::{Group, Shown, ShownTable, Table};
use crate::trouble::descriptors;

pub(super) use retry::{Retry, Wait};

/// A config with its defaults, without secrets.
#[derive(Serialize)]
pub(super) struct View {
    /// The values of each section, by the section's name.
    #[serde(flatten)]
    pub(super) values: ShownTable,
    /// The sections, with their declarations.
    #[serde(skip)]
    pub(super) sections: Vec<(&'static str, &'static Table, ShownTable)>,
    /// Warnings that concern several subscriptions.
    pub(super) warnings: Vec<String>,
    pub(super) connections: Vec<Broker>,
    pub(super) subscriptions: Vec<Policy>,
}

/// The effective policy of a subscription.
#[derive(Serialize)]
pub(super) struct Policy {
    /// The values, by their keys.
    #[serde(flatten)]
    pub(super) values: ShownTable,
    /// The components, in the order in which a message passes through them; the adapter is
    /// `None`.
    pub(super) components: Vec<Option<String>>,
    /// Whether the endpoint receives what the components publish, instead of what they
    /// forward.
    pub(super) posts_published_messages: bool,
    /// If the endpoint is a component: whether its instances are reused for further
    /// requests.
    pub(super) reuses_instances: Option<bool>,
    /// The delivery guarantee.
    pub(super) delivers: &'static str,
    /// What the policy requests but the broker cannot do.
    pub(super) warnings: Vec<&'static str>,
    /// The options, as its broker uses them.
    #[serde(flatten)]
    pub(super) at_broker: Described,
    pub(super) schedule: Retry,
}

impl View {
    pub(super) fn of(config: &Config, component_topics: &ComponentTopics) -> Self {
        let sections = config.sections();
        let values = sections.iter();
        let values = values.map(|(name, _, values)| ((*name).to_owned(), values.clone().into()));
        Self {
            values: values.collect(),
            sections,
            warnings: warnings_of_all(config, component_topics),
            connections: config
                .connections
                .iter()
                .map(|(name, connection)| Broker::of(name, connection))
                .collect(),
            subscriptions: config
                .subscriptions
                .iter()
                .map(|one| policy(one, &config.connections[&one.from]))
                .collect(),
        }
    }
}

fn warnings_of_all(config: &Config, component_topics: &ComponentTopics) -> Vec<String> {
    let loops = loops(config, component_topics);
    let loops = loops
        .iter()
        .map(|it| loop_warning(it, config.delivery.max_hops));
    let descriptors = too_few_descriptors(config, descriptors::highest_limit());
    let all = loops.chain(stores::warnings(config, component_topics));
    all.chain(descriptors).collect()
}

fn loop_warning(found: &Loop, max_hops: u32) -> String {
    let end = match found.is_counted() {
        true => format!("a message that made more than {max_hops} hops becomes a dead letter"),
        false => "hops are not counted through the intake, so the loop never ends".into(),
    };
    format!("messages can go round in a loop, {found}: {end}")
}

fn policy(subscription: &Subscription, connection: &Connection) -> Policy {
    Policy {
        values: values(subscription, connection),
        components: components(subscription),
        posts_published_messages: posts_published_messages(subscription),
        // An unreadable value is reported as a fault, and not shown.
        reuses_instances: subscription.handler().map(|handler| {
            let answering = host::handler(handler).map(|(_, profile)| profile.interface);
            answering.is_ok_and(|face| handler.reuses(face))
        }),
        delivers: delivers(connection),
        warnings: warnings(subscription, connection),
        at_broker: at_broker(subscription, connection),
        schedule: Retry::of(&subscription.policy),
    }
}

/// Returns the keys of a subscription, with the values that its broker uses.
fn values(subscription: &Subscription, connection: &Connection) -> ShownTable {
    let mut values = Group::show(subscription);
    let start = match connection.capabilities().durable {
        // The broker keeps no earlier messages.
        false => Some(crate::broker::Start::New),
        true => subscription.start,
    };
    let start = start.map(|start| Shown::from(start.as_str()));
    values.insert("start".into(), start.into());
    values
}

fn components(subscription: &Subscription) -> Vec<Option<String>> {
    let files = subscription.components.files().iter();
    let adapter = match subscription.components {
        Components::Adapter => true,
        Components::Chain(_) => subscription.endpoint.is_some(),
        Components::Component(_) => false,
    };
    files
        .map(|file| Some(file.display().to_string()))
        .chain(adapter.then_some(None))
        .collect()
}
