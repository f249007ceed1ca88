//! What has to fit between a subscription and the connection it comes from.

use std::collections::{BTreeMap, BTreeSet};

use super::fault::Fault;
use super::section::Reader;
use super::{Connection, Subscription};
use crate::broker::nats::{check_subject, legal_name};

/// Takes note of what does not fit, and hands each connection what its
/// subscriptions ask of it.
pub(super) fn fit(
    reader: &Reader<'_>,
    connections: &mut BTreeMap<String, Connection>,
    subscriptions: &[Subscription],
) {
    let mut groups = BTreeSet::new();
    for subscription in subscriptions {
        let fault = |key: &str, what: String, help: &str| {
            let place = subscription.place(key).cloned();
            reader.push(Fault::new(place, what, Some(help)));
        };
        let Some(connection) = connections.get_mut(&subscription.from) else {
            continue;
        };
        let kind = connection.kind();
        if let Connection::Embedded(_) | Connection::Nats(_) = connection
            && subscription.consumer.is_some()
        {
            let what = format!(
                "`consumer` is for JetStream, and `{}` is {kind}",
                subscription.from
            );
            fault(
                "consumer",
                what,
                "leave it out, or take messages from a connection of type \"jetstream\"",
            );
        }
        if let Connection::Embedded(_) = connection {
            continue;
        }
        for topic in subscription.topics.iter().flatten() {
            if let Err(what) = check_subject(topic.as_str()) {
                fault("topics", what, "write the topic as NATS has it");
            }
        }
        let group = group(subscription);
        if !groups.insert((subscription.from.clone(), group.clone())) {
            let what = format!(
                "another subscription from `{}` shares messages as {group:?} too",
                subscription.from
            );
            fault(
                "name",
                what,
                "name one of them otherwise: letters, digits, `-` and `_` stay as they are",
            );
        }
        if let Connection::JetStream(settings) = connection {
            let consumer = subscription.consumer.clone().unwrap_or_default();
            let (most, here) = (
                consumer.max_ack_pending as usize,
                subscription.policy.max_in_flight,
            );
            if most < here {
                let what = format!(
                    "`max_ack_pending` is {most}, and this host alone has {here} messages in flight"
                );
                fault("consumer", what, "raise it, or lower `max_in_flight`");
            }
            settings
                .consumers
                .insert(subscription.name.clone(), consumer);
        }
    }
}

/// The name under which hosts share its messages.
fn group(subscription: &Subscription) -> String {
    let consumer = subscription.consumer.as_ref();
    let durable = consumer.and_then(|consumer| consumer.durable.clone());
    durable.unwrap_or_else(|| legal_name(&subscription.name))
}
