//! Compares a config with the stores of embedded brokers, and warns of subscriptions that
//! were removed or that are new. It never changes a store.

use crate::broker::Start;
use crate::config::{ComponentTopics, Config, EMBEDDED, Subscription};
use crate::message::TopicPattern;
use crate::store::{Inspector, Ledger, StoreError};

/// Returns warnings for the operator. A store that cannot be read is skipped, because the
/// next start reports it.
pub(super) fn warnings(config: &Config, component_topics: &ComponentTopics) -> Vec<String> {
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
            component_topics,
        };
        warnings.extend(store.warnings(&inspector).unwrap_or_default());
    }
    warnings
}

/// The comparison of one store with the config.
struct Store<'a> {
    name: &'a str,
    config: &'a Config,
    component_topics: &'a ComponentTopics,
}

impl Store<'_> {
    fn warnings(&self, inspector: &Inspector) -> Result<Vec<String>, StoreError> {
        let known = inspector.topics()?;
        let mut warnings = Vec::new();
        for ledger in inspector.ledgers()? {
            if !self.has(&ledger.subscription) {
                warnings.push(self.orphan(&ledger));
            }
        }
        for one in self.config.subscriptions.iter() {
            if one.from != self.name {
                continue;
            }
            let component_topics = self.component_topics.get(&one.name);
            let topics = one
                .topics
                .as_ref()
                .or(component_topics)
                .map_or(&[][..], Vec::as_slice);
            match known.get(&one.name) {
                Some(before) => warnings.extend(removed_topics(one, before, topics)),
                None => warnings.extend(new_subscription(one, inspector.kept(topics)?)),
            }
        }
        Ok(warnings)
    }

    /// Returns whether the config has a subscription with this name in this store. The
    /// local store also has the dead letters of subscriptions to other brokers.
    fn has(&self, name: &str) -> bool {
        let is_remote = |from: &str| {
            let connection = self.config.connections.get(from);
            let stored = connection.is_some_and(|it| it.settings().store().is_some());
            self.name == EMBEDDED && !stored
        };
        let mut all = self.config.subscriptions.iter();
        all.any(|one| one.name == name && (one.from == self.name || is_remote(&one.from)))
    }

    /// Returns the warning for a subscription that the config no longer has.
    fn orphan(&self, ledger: &Ledger) -> String {
        let (name, pending) = (&ledger.subscription, ledger.pending);
        let connection = match self.name {
            EMBEDDED => String::new(),
            other => format!(" --connection {other}"),
        };
        format!(
            "`{}` still keeps messages for `{name}`, which is not in the config any more ({pending} pending, \
             {} dead letters): `bridge-host ledger forget {name}{connection}` deletes them",
            self.name,
            ledger.dead_letters()
        )
    }
}

/// Returns the warning for topics that were removed from a subscription.
fn removed_topics(
    one: &Subscription,
    before: &[TopicPattern],
    topics: &[TopicPattern],
) -> Option<String> {
    let gone = before.iter().filter(|topic| !topics.contains(topic));
    let gone: Vec<_> = gone.map(TopicPattern::as_str).collect();
    (!gone.is_empty()).then(|| {
        format!(
            "`{}` no longer has the topics {}: their pending messages are still delivered",
            one.name,
            gone.join(", ")
        )
    })
}

/// Returns the warning for a subscription that is new in the store.
fn new_subscription(one: &Subscription, kept: u64) -> Option<String> {
    let start = one.start.unwrap_or_default();
    (start == Start::All && kept > 0).then(|| {
        format!(
            "`{}` is new, and receives the {kept} stored messages on its topics: \
             start = \"new\" skips them",
            one.name
        )
    })
}
