//! What has to fit between `dead_letters`, its subscription and the connections.
//! The keys are declared in `letters`.

use super::letters::LettersTo;
use super::{Connection, Subscription};
use crate::broker::{ALL, Descriptor};
use crate::schema::{Fault, Reader};

/// Takes note of what would lose letters, or bring them back.
pub(super) fn fit(
    reader: &Reader<'_>,
    subscription: &Subscription,
    from: &Connection,
    to: Option<&Connection>,
) {
    let Some(letters) = &subscription.dead_letters else {
        return;
    };
    let fault = |what: String, help: &str| {
        let place = subscription.place("dead_letters").cloned();
        reader.push(Fault::new(place, what, Some(help)));
    };
    let LettersTo { connection, topic } = letters;
    if from.capabilities().dead_letters {
        let types = kinds(|it| !it.capabilities.dead_letters, quoted);
        fault(
            format!("`{}` keeps dead letters itself", subscription.from),
            &format!("leave `dead_letters` out: it is for subscriptions from {types}"),
        );
    }
    if subscription.policy.blocks() {
        fault(
            "`dead_letters` and on_dead_letter = \"block\" exclude each other: nobody would tell when a letter on a topic is done with".into(),
            "leave `dead_letters` out, or set on_dead_letter = \"skip\"",
        );
    }
    match to {
        Some(to) if to.capabilities().letter_topics => {
            if let Some(lost) = to.settings().loses_letters(topic) {
                fault(lost.what, lost.help);
            }
        }
        Some(other) => {
            let can = |it: &Descriptor| it.capabilities.letter_topics;
            let (titles, types) = (kinds(can, |it| it.title.into()), kinds(can, quoted));
            fault(
                format!(
                    "`{connection}` is {}, which keeps nothing that is published to it: dead letters need {titles}",
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
            "choose a topic that `topics` does not select",
        );
    }
}

/// The kinds of brokers for which something holds, as a list in a sentence:
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
