//! Declares `dead_letters`: the topic on which dead letters are published, instead of the
//! local store. Checks against connections are in `dead_letter_checks`.

use super::replies::check_one_topic;
use crate::schema::{Declaration, Shape, connection, text};
use crate::settings;

const HELP: &str = "dead_letters = { connection = \"events\", topic = \"dead.orders\" }";

const TOPIC: Declaration<String> = text(&Shape {
    name: "topic",
    pattern: None,
    check: check_one_topic,
    help: "a topic has no wildcards: such as \"dead.orders\"",
});

settings! {
    /// Where the dead letters of a subscription are published.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct DeadLetterTarget {
        /// A connection of type `"jetstream"` or `"redis"`; the subscription itself takes its messages from a
        /// connection of type `"nats"`, `"jetstream"` or `"redis"`.
        connection: String = connection().required(HELP);
        /// The topic of the dead letters; must not match `topics`. JetStream gets a stream for it if no stream has
        /// this topic.
        topic: String = TOPIC.required(HELP);
    }
}
