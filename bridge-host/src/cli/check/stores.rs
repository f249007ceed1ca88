//! What the stores of embedded brokers hold that a config does not show:
//! subscriptions that it no longer has, and those that will be new.

use crate::broker::Start;
use crate::config::{ComponentTopics, Config, EMBEDDED, Subscription};
use crate::message::TopicPattern;
use crate::store::{Inspector, Ledger, StoreError};

/// What the operator should know before the next start. A store that cannot be
/// read is told of by the start itself.
pub(super) fn warnings(config: &Config, asked: &ComponentTopics) -> Vec<String> {
    let mut warnings = Vec::new();
    for (name, connection) in &config.connections {
        let Some(path) = connection.settings().store() else {
            continue;
        };
        let Ok(inspector) = Inspector::open(path) else {
            continue;
        };
        let store = Store {
            name,
            config,
            asked,
        };
        warnings.extend(store.warnings(&inspector).unwrap_or_default());
    }
    warnings
}

/// The store of one connection, seen from the config.
struct Store<'a> {
    name: &'a str,
    config: &'a Config,
    asked: &'a ComponentTopics,
}

impl Store<'_> {
    fn warnings(&self, inspector: &Inspector) -> Result<Vec<String>, StoreError> {
        let known = inspector.topics()?;
        let mut warnings = Vec::new();
        for ledger in inspector.ledgers()? {
            if !self.has(&ledger.subscription) {
                warnings.push(self.left_over(&ledger));
            }
        }
        for one in self.config.subscriptions.iter() {
            if one.from != self.name {
                continue;
            }
            let asked = self.asked.get(&one.name);
            let topics = one.topics.as_ref().or(asked).map_or(&[][..], Vec::as_slice);
            match known.get(&one.name) {
                Some(before) => warnings.extend(fewer(one, before, topics)),
                None => warnings.extend(new(one, inspector.kept(topics)?)),
            }
        }
        Ok(warnings)
    }

    /// Whether the config has a subscription of this name that has a row here:
    /// those to other brokers have one in the local store, for their dead
    /// letters.
    fn has(&self, name: &str) -> bool {
        let elsewhere = |from: &str| {
            let connection = self.config.connections.get(from);
            let stored = connection.is_some_and(|it| it.settings().store().is_some());
            self.name == EMBEDDED && !stored
        };
        let mut all = self.config.subscriptions.iter();
        all.any(|one| one.name == name && (one.from == self.name || elsewhere(&one.from)))
    }

    fn left_over(&self, ledger: &Ledger) -> String {
        let (name, pending) = (&ledger.subscription, ledger.pending);
        let connection = match self.name {
            EMBEDDED => String::new(),
            other => format!(" --connection {other}"),
        };
        format!(
            "`{}` still collects messages for `{name}`, which the config no longer has ({pending} pending, \
             {} dead letters): `bridge-host ledger forget {name}{connection}` ends that",
            self.name,
            ledger.dead_letters()
        )
    }
}

/// What is said of topics that a subscription no longer takes.
fn fewer(one: &Subscription, before: &[TopicPattern], topics: &[TopicPattern]) -> Option<String> {
    let gone = before.iter().filter(|topic| !topics.contains(topic));
    let gone: Vec<_> = gone.map(TopicPattern::as_str).collect();
    (!gone.is_empty()).then(|| {
        format!(
            "`{}` no longer takes {}: pending messages of removed topics are still delivered",
            one.name,
            gone.join(", ")
        )
    })
}

/// What is said of a subscription that the store does not know.
fn new(one: &Subscription, kept: u64) -> Option<String> {
    let start = one.start.unwrap_or_default();
    (start == Start::All && kept > 0).then(|| {
        format!(
            "`{}` is new, and gets the {kept} messages on its topics that are still kept: \
             start = \"new\" leaves them out",
            one.name
        )
    })
}
