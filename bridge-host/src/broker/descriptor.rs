//! A kind of broker: its name, its capabilities, and how its connections are
//! configured. The list of all kinds is `all`; `broker_settings` is for the settings of one
//! connection.

use std::fmt;

use super::{BrokerSettings, Capabilities, OptionValue};
use crate::schema::{Section, Setting, Table};

/// Describes a kind of broker.
pub struct Descriptor {
    /// The `type` of its connections in a config.
    pub name: &'static str,
    /// Its name in sentences: "JetStream", "the embedded broker".
    pub title: &'static str,
    /// Its capabilities.
    pub capabilities: Capabilities,
    /// The settings of a connection.
    pub table: &'static Table,
    /// Reads the section of a connection; every fault is recorded.
    pub read: fn(&mut Section<'_>) -> Option<Box<dyn BrokerSettings>>,
    /// The settings of a subscription that only this kind of broker has.
    pub options: &'static [SubscriptionOption],
}

impl fmt::Debug for Descriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A key of a subscription that only one kind of broker has.
pub struct SubscriptionOption {
    /// The key. No two kinds of brokers have the same key.
    pub setting: Setting,
    /// Reads the value of the declared key, and records every fault.
    pub read: fn(&mut Section<'_>) -> Option<OptionValue>,
    /// What to do about the key in a subscription to another kind of broker.
    pub elsewhere: &'static str,
}
