//! Loops between subscriptions: the operator should know of them before a
//! message goes round.

use super::subscription::Ready;
use crate::config::{Config, loops};

/// Logs the loops that the config shows, now that every component was asked
/// for its topics.
pub(super) fn tell(config: &Config, subscriptions: &[Ready]) {
    let asked = subscriptions.iter();
    let asked = asked.map(|one| (one.name.clone(), one.topics.clone()));
    for found in loops(config, &asked.collect()) {
        tracing::warn!(
            path = %found,
            max_hops = config.delivery.max_hops,
            "messages can go round in a loop{}",
            match found.is_counted() {
                true => ": one that made more than `max_hops` hops becomes a dead letter",
                false => ": it never ends, because hops are not counted through the intake",
            }
        );
    }
}
