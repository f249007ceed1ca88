//! The settings of one connection of any kind of broker: describes them, checks
//! subscriptions against them, and opens the broker.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Broker, OpenError, Options, Start};
use crate::message::TopicPattern;

/// The settings of one connection, as its kind of broker reads them.
#[async_trait]
pub trait BrokerSettings: fmt::Debug + Send + Sync {
    /// Opens the broker. A server that does not answer is not an error: the broker
    /// keeps trying to connect.
    async fn open(&self, opening: OpenContext<'_>) -> Result<Arc<dyn Broker>, OpenError>;

    /// Describes the effective settings.
    fn describe(&self) -> Description;

    /// Describes the effective options of a subscription: one key for each option.
    fn describe_options(&self, _subscription: &PlannedSubscription<'_>) -> Description {
        Description::default()
    }

    /// Returns the settings of a subscription that this connection does not allow.
    fn incompatibilities(&self, _subscription: &PlannedSubscription<'_>) -> Vec<Incompatibility> {
        Vec::new()
    }

    /// Returns the group at the broker that a subscription joins, if subscriptions
    /// with different names could join the same group.
    fn group(&self, _subscription: &PlannedSubscription<'_>) -> Option<GroupName> {
        None
    }

    /// Returns why dead letters on this topic would be lost, if they would be.
    fn loses_letters(&self, _topic: &str) -> Option<Incompatibility> {
        None
    }

    /// Returns the folder of the local store in which the broker keeps its messages.
    fn store(&self) -> Option<&Path> {
        None
    }

    /// Returns strings that identify where its topics are: two connections with a
    /// common string have the same topics. The strings may contain secrets.
    fn places(&self) -> Vec<String> {
        Vec::new()
    }

    /// Returns the most data that a message may have, in bytes, if a setting limits it.
    fn max_message_size(&self) -> Option<u64> {
        None
    }
}

/// The arguments for opening a broker, beside its settings.
#[derive(Clone, Copy, Debug)]
pub struct OpenContext<'a> {
    /// The name of the connection, for the log.
    pub name: &'a str,
    /// The options of its subscriptions, by the name of the subscription.
    pub subscriptions: &'a BTreeMap<String, Options>,
}

/// A subscription to a connection, before either is open.
#[derive(Clone, Copy, Debug)]
pub struct PlannedSubscription<'a> {
    /// Its name.
    pub name: &'a str,
    /// The name of the connection.
    pub from: &'a str,
    /// Its topics, as far as the config has them.
    pub topics: &'a [TopicPattern],
    /// Where it begins, if the config says so.
    pub start: Option<Start>,
    /// Whether messages are delivered in order, one at a time.
    pub ordered: bool,
    /// The most messages that are in flight at once.
    pub max_in_flight: usize,
    /// The options for its kind of broker.
    pub options: &'a Options,
}

/// A setting of a subscription that its connection does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incompatibility {
    /// The key of the subscription that is at fault.
    pub key: &'static str,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub help: &'static str,
}

/// A group at a broker: subscriptions that join it share its messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupName {
    /// The name at the broker.
    pub name: String,
    /// The key of the subscription that determines the name.
    pub key: &'static str,
    /// How to give a subscription another group.
    pub help: &'static str,
}

/// A description of effective settings, for programs and for people.
#[derive(Clone, Debug, Default)]
pub struct Description {
    /// The keys of a JSON object.
    pub json: Map<String, Value>,
    /// Titles, and the text under each.
    pub lines: Vec<(&'static str, String)>,
}

impl Description {
    /// Adds a key to the object.
    pub fn key(&mut self, key: &'static str, value: impl Serialize) {
        let value = serde_json::to_value(value).unwrap_or_default();
        self.json.insert(key.into(), value);
    }

    /// Adds a line.
    pub fn line(&mut self, title: &'static str, text: impl Into<String>) {
        self.lines.push((title, text.into()));
    }
}
