//! What has to fit between a subscription and the connection it comes from.

use std::collections::BTreeMap;

use super::letters_fit;
use super::{Connection, Subscription};
use crate::broker::Descriptor;
use crate::schema::{Fault, Reader};

/// Takes note of what does not fit, and hands each connection what its
/// subscriptions ask of it.
pub(super) fn fit(
    reader: &Reader<'_>,
    connections: &mut BTreeMap<String, Connection>,
    subscriptions: &[Subscription],
) {
    let mut groups = BTreeMap::new();
    for subscription in subscriptions {
        let one = One {
            reader,
            subscription,
        };
        if let Some(from) = connections.get(&subscription.from) {
            let to = subscription.dead_letters.as_ref();
            let to = to.and_then(|to| connections.get(&to.connection));
            letters_fit::fit(reader, subscription, from, to);
        }
        let Some(connection) = connections.get_mut(&subscription.from) else {
            continue;
        };
        one.options(connection.descriptor());
        for misfit in connection.settings().misfits(&subscription.candidate()) {
            one.fault(misfit.key, misfit.what, misfit.help);
        }
        one.group(connection, &mut groups);
        connection.add(&subscription.name, subscription.options.clone());
    }
}

/// A subscription that is looked at.
struct One<'a> {
    reader: &'a Reader<'a>,
    subscription: &'a Subscription,
}

impl<'a> One<'a> {
    fn fault(&self, key: &str, what: String, help: &str) {
        let place = self.subscription.place(key).cloned();
        self.reader.push(Fault::new(place, what, Some(help)));
    }

    /// No option is set that is for another kind of broker.
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

    /// No two subscriptions share messages by accident.
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
