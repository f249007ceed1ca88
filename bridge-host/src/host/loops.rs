//! Warns of loops between subscriptions at a start. Finding loops stays out: `config`
//! does it.

use super::subscription::ReadySubscription;
use crate::config::{Config, loops};

/// Logs the loops of the config, with the topics that components returned.
pub(super) fn warn(config: &Config, subscriptions: &[ReadySubscription]) {
    let component_topics = subscriptions.iter();
    let component_topics = component_topics.map(|one| (one.name.clone(), one.topics.clone()));
    for found in loops(config, &component_topics.collect()) {
        tracing::warn!(
            path = %found,
            max_hops = config.delivery.max_hops,
            "messages can go round in a loop{}",
            match found.is_counted() {
                true => ": a message that made more than `max_hops` hops becomes a dead letter",
                false => ": it never ends, because hops are not counted through the intake",
            }
        );
    }
}
