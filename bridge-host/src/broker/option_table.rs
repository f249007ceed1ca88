//! The options of all kinds of brokers: what a subscription may set, and how it is read and shown.
//! `options` has the values.

use std::collections::BTreeMap;

use super::all::ALL;
use super::{Descriptor, Options, SubscriptionOption};
use crate::schema::{Group, Part, Section, Shown, ShownTable, Table};

/// Returns the options of all kinds of brokers.
pub fn all_options() -> impl Iterator<Item = (&'static Descriptor, &'static SubscriptionOption)> {
    let of = |kind: &'static Descriptor| kind.options.iter().map(move |option| (kind, option));
    ALL.iter().copied().flat_map(of)
}

impl Options {
    /// Returns the options that are set, of any kind of broker.
    pub fn set(&self) -> impl Iterator<Item = (&'static Descriptor, &'static SubscriptionOption)> {
        let is_set = |key: &str| self.0.contains_key(key);
        all_options().filter(move |(_, option)| is_set(option.setting.key))
    }
}

impl Group for Options {
    const TABLE: &'static Table = &Table { parts: &PARTS };

    fn read(section: &mut Section<'_>) -> Option<Self> {
        section.declare(Self::TABLE);
        let mut options = BTreeMap::new();
        for (_, option) in all_options() {
            if let Some(value) = (option.read)(section) {
                options.insert(option.setting.key, value);
            }
        }
        Some(Self(options))
    }

    fn show(&self) -> ShownTable {
        let shown = |key: &str| self.0.get(key).map_or(Shown::Null, |it| it.shown.clone());
        let keys = all_options().map(|(_, option)| option.setting.key);
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
