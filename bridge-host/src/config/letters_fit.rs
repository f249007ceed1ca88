//! What has to fit between `dead_letters`, its subscription and the connections.
//! The keys are declared in `letters`.

use super::letters::LettersTo;
use super::{Connection, Subscription};
use crate::broker::nats::Storage;
use crate::message::TopicPattern;
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
        fault(
            format!("`{}` keeps dead letters itself", subscription.from),
            "leave `dead_letters` out: it is for subscriptions from \"nats\" and \"jetstream\"",
        );
    }
    if subscription.policy.blocks() {
        fault(
            "`dead_letters` and on_dead_letter = \"block\" exclude each other: nobody would tell when a letter on a topic is done with".into(),
            "leave `dead_letters` out, or set on_dead_letter = \"skip\"",
        );
    }
    match to {
        Some(Connection::JetStream(settings)) => {
            let stream = &settings.stream;
            let subjects = stream.subjects.iter().flatten();
            let mut subjects = subjects.filter_map(|one| TopicPattern::parse(one).ok());
            if stream.storage == Storage::Memory && subjects.any(|one| one.matches(topic)) {
                fault(
                    format!(
                        "the stream that takes {topic:?} is in memory: its dead letters would be gone with the server"
                    ),
                    "choose a topic that `subjects` does not select, or `storage = \"file\"`",
                );
            }
        }
        Some(other) => fault(
            format!(
                "`{connection}` is {}, and dead letters are published to JetStream only: it has them on disk before a message is let go",
                other.kind()
            ),
            "name a connection of type \"jetstream\", or leave `dead_letters` out: the local store keeps them",
        ),
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
