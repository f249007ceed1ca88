//! Checks subscriptions against their connections. Checks within one subscription stay
//! out: `subscriptions` does them.

use std::collections::BTreeMap;

use super::dead_letter_checks;
use super::{Connection, Subscription};
use crate::broker::Descriptor;
use crate::schema::{Fault, Reader};

/// Checks all subscriptions, and adds their options to their connections.
pub(super) fn check(
    reader: &Reader<'_>,
    connections: &mut BTreeMap<String, Connection>,
    subscriptions: &[Subscription],
) {
    let mut groups = BTreeMap::new();
    for subscription in subscriptions {
        let one = SubscriptionCheck {
            reader,
            subscription,
        };
        if let Some(from) = connections.get(&subscription.from) {
            let to = subscription.dead_letters.as_ref();
            let to = to.and_then(|to| connections.get(&to.connection));
            dead_letter_checks::check(reader, subscription, from, to);
        }
        let Some(connection) = connections.get_mut(&subscription.from) else {
            continue;
        };
        one.options(connection.descriptor());
        for misfit in connection
            .settings()
            .incompatibilities(&subscription.candidate())
        {
            one.fault(misfit.key, misfit.what, misfit.help);
        }
        one.group(connection, &mut groups);
        connection.add(&subscription.name, subscription.options.clone());
    }
}

/// The check of one subscription.
struct SubscriptionCheck<'a> {
    reader: &'a Reader<'a>,
    subscription: &'a Subscription,
}

impl<'a> SubscriptionCheck<'a> {
    fn fault(&self, key: &str, what: String, help: &str) {
        let location = self.subscription.location(key).cloned();
        self.reader.push(Fault::new(location, what, Some(help)));
    }

    /// Checks that no option is set that is for another type of broker.
    fn options(&self, kind: &Descriptor) {
        for (other, option) in self.subscription.options.set() {
            let (key, from) = (option.setting.key, &self.subscription.from);
            if other.name != kind.name {
                let what = format!(
                    "`{key}` is for {}, and `{from}` is {}",
                    other.title, kind.name
                );
                self.fault(key, what, option.elsewhere);
            }
        }
    }

    /// Checks that no two subscriptions share messages by accident.
    fn group(&self, connection: &Connection, groups: &mut BTreeMap<(&'a str, String), &'a str>) {
        let Some(group) = connection.settings().group(&self.subscription.candidate()) else {
            return;
        };
        let (from, name) = (
            self.subscription.from.as_str(),
            self.subscription.name.as_str(),
        );
        if let Some(other) = groups.insert((from, group.name.clone()), name) {
            let group_name = &group.name;
            self.fault(
                group.key,
                format!(
                    "{other:?} and {name:?} would share the messages of {group_name:?} on `{from}`"
                ),
                group.help,
            );
        }
    }
}
