//! Checks `dead_letters` against its subscription and the connections. Its keys are
//! declared in `dead_letters`.

use super::dead_letters::DeadLetterTarget;
use super::{Connection, Subscription};
use crate::broker::{ALL, Descriptor};
use crate::schema::{Fault, Reader};

/// Checks that dead letters are neither lost nor delivered to their own subscription.
pub(super) fn check(
    reader: &Reader<'_>,
    subscription: &Subscription,
    from: &Connection,
    to: Option<&Connection>,
) {
    let Some(letters) = &subscription.dead_letters else {
        return;
    };
    let fault = |what: String, help: &str| {
        let location = subscription.location("dead_letters").cloned();
        reader.push(Fault::new(location, what, Some(help)));
    };
    let DeadLetterTarget { connection, topic } = letters;
    if from.capabilities().dead_letters {
        let types = kinds(|it| !it.capabilities.dead_letters, quoted);
        fault(
            format!("`{}` keeps dead letters itself", subscription.from),
            &format!(
                "leave `dead_letters` out: it is for subscriptions from connections of type {types}"
            ),
        );
    }
    if subscription.policy.blocks() {
        fault(
            "`dead_letters` and on_dead_letter = \"block\" exclude each other: a dead letter on a topic cannot release its key".into(),
            "leave `dead_letters` out, or set on_dead_letter = \"skip\"",
        );
    }
    match to {
        Some(to) if to.capabilities().dead_letter_topics => {
            if let Some(lost) = to.settings().loses_letters(topic) {
                fault(lost.what, lost.help);
            }
        }
        Some(other) => {
            let can = |it: &Descriptor| it.capabilities.dead_letter_topics;
            let (titles, types) = (kinds(can, |it| it.title.into()), kinds(can, quoted));
            fault(
                format!(
                    "`{connection}` is {}, which does not store messages: dead letters need {titles}",
                    other.kind()
                ),
                &format!(
                    "name a connection of type {types}, or leave `dead_letters` out: the local store keeps them"
                ),
            );
        }
        None => {}
    }
    let topics = subscription.topics.as_deref().unwrap_or_default();
    if *connection == subscription.from && topics.iter().any(|one| one.matches(topic)) {
        fault(
            format!("the subscription would receive its own dead letters, on {topic:?}"),
            "choose a topic that `topics` does not match",
        );
    }
}

/// Returns the types of brokers for which `holds`, as a list in a sentence:
/// `nats, jetstream or redis`.
fn kinds(holds: impl Fn(&Descriptor) -> bool, name: impl Fn(&Descriptor) -> String) -> String {
    let all = ALL.iter().filter(|it| holds(it));
    let mut names: Vec<_> = all.map(|it| name(it)).collect();
    let last = names.pop().unwrap_or_default();
    match names.is_empty() {
        true => last,
        false => format!("{} or {last}", names.join(", ")),
    }
}

fn quoted(kind: &Descriptor) -> String {
    format!("{:?}", kind.name)
}
