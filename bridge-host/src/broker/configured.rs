//! The settings of one connection, whatever its kind of broker is: what they come
//! to, what fits them, and the broker that is opened with them.

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
pub trait Configured: fmt::Debug + Send + Sync {
    /// Opens the broker. A server that does not answer is no error: it is waited
    /// for.
    async fn open(&self, opening: Opening<'_>) -> Result<Arc<dyn Broker>, OpenError>;

    /// What the settings come to.
    fn describe(&self) -> Description;

    /// What the options of a subscription come to: a key for each option.
    fn describe_options(&self, _subscription: &Candidate<'_>) -> Description {
        Description::default()
    }

    /// What does not fit between the connection and a subscription to it.
    fn misfits(&self, _subscription: &Candidate<'_>) -> Vec<Misfit> {
        Vec::new()
    }

    /// The group at the broker that a subscription joins, where subscriptions with
    /// different names could join the same.
    fn group(&self, _subscription: &Candidate<'_>) -> Option<GroupName> {
        None
    }

    /// Why dead letters on this topic would be lost.
    fn loses_letters(&self, _topic: &str) -> Option<Misfit> {
        None
    }

    /// The folder of the local store that it keeps its messages in.
    fn store(&self) -> Option<&Path> {
        None
    }

    /// Where its topics are, as texts to compare: connections with one of them in
    /// common have the same topics. They may contain secrets.
    fn places(&self) -> Vec<String> {
        Vec::new()
    }

    /// The most data that a message may have, in bytes, where a setting limits it.
    fn max_message_size(&self) -> Option<u64> {
        None
    }
}

/// What a broker is opened with, beside its settings.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// The name of the connection, for the log.
    pub name: &'a str,
    /// The options of the subscriptions to it, by their names.
    pub subscriptions: &'a BTreeMap<String, Options>,
}

/// A subscription to a connection, before either is open.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Its name.
    pub name: &'a str,
    /// The connection's.
    pub from: &'a str,
    /// Its topics, as far as the config has them.
    pub topics: &'a [TopicPattern],
    /// Where it begins, if the config says so.
    pub start: Option<Start>,
    /// Whether nothing overtakes.
    pub ordered: bool,
    /// The most messages that are in flight at once.
    pub max_in_flight: usize,
    /// What is set for its kind of broker.
    pub options: &'a Options,
}

/// What does not fit between a subscription and its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
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
    /// As the broker has it.
    pub name: String,
    /// The key of the subscription that it comes from.
    pub key: &'static str,
    /// How to give a subscription another one.
    pub help: &'static str,
}

/// What settings come to, for programs and for people.
#[derive(Clone, Debug, Default)]
pub struct Description {
    /// The keys of a JSON object.
    pub json: Map<String, Value>,
    /// Titles, and what is said under each.
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
