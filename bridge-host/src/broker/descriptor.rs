//! A kind of broker: its name, its capabilities, and how its connections are
//! configured. The list of all kinds is `all`; `configured` is for the settings of one
//! connection.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::all::ALL;
use super::{Capabilities, Configured};
use crate::schema::{Group, Part, Section, Setting, SettingValue, Shown, ShownTable, Table};

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
    pub read: fn(&mut Section<'_>) -> Option<Box<dyn Configured>>,
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

/// The value of an option.
#[derive(Clone)]
pub struct OptionValue {
    /// A value of the type that its broker reads.
    value: Arc<dyn Any + Send + Sync>,
    shown: Shown,
}

/// Reads an optional key of a subscription as its type.
pub fn option<T: SettingValue + Send + Sync + 'static>(
    section: &mut Section<'_>,
    key: &'static str,
) -> Option<OptionValue> {
    let value: T = section.read::<Option<T>>(key)??;
    Some(OptionValue {
        shown: value.show(),
        value: Arc::new(value),
    })
}

/// The settings of a subscription that depend on its broker.
#[derive(Clone, Default)]
pub struct Options(BTreeMap<&'static str, OptionValue>);

impl Options {
    /// Returns the value of a key, if the key is set.
    pub fn get<T: 'static>(&self, key: &str) -> Option<&T> {
        self.0.get(key)?.value.downcast_ref()
    }

    /// The options that are set, of any kind of broker.
    pub fn set(&self) -> impl Iterator<Item = (&'static Descriptor, &'static SubscriptionOption)> {
        let is_set = |key: &str| self.0.contains_key(key);
        every_option().filter(move |(_, option)| is_set(option.setting.key))
    }
}

/// The options of all kinds of brokers.
pub fn every_option() -> impl Iterator<Item = (&'static Descriptor, &'static SubscriptionOption)> {
    let of = |kind: &'static Descriptor| kind.options.iter().map(move |option| (kind, option));
    ALL.iter().copied().flat_map(of)
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Group for Options {
    const TABLE: &'static Table = &Table { parts: &PARTS };

    fn read(section: &mut Section<'_>) -> Option<Self> {
        section.declare(Self::TABLE);
        let mut options = BTreeMap::new();
        for (_, option) in every_option() {
            if let Some(value) = (option.read)(section) {
                options.insert(option.setting.key, value);
            }
        }
        Some(Self(options))
    }

    fn show(&self) -> ShownTable {
        let shown = |key: &str| self.0.get(key).map_or(Shown::Null, |it| it.shown.clone());
        let keys = every_option().map(|(_, option)| option.setting.key);
        keys.map(|key| (key.to_owned(), shown(key))).collect()
    }
}

const COUNT: usize = {
    let (mut count, mut kind) = (0, 0);
    while kind < ALL.len() {
        count += ALL[kind].options.len();
        kind += 1;
    }
    count
};

const PARTS: [Part; COUNT] = {
    let mut parts = [Part::Group(&Table { parts: &[] }); COUNT];
    let (mut next, mut kind) = (0, 0);
    while kind < ALL.len() {
        let (options, mut n) = (ALL[kind].options, 0);
        while n < options.len() {
            parts[next] = Part::One(options[n].setting);
            (next, n) = (next + 1, n + 1);
        }
        kind += 1;
    }
    parts
};
