//! `dead_letters`: a topic that they are published on, in place of the local
//! store. What they have to fit is `letters_fit`.

use super::replies::check_one_topic;
use crate::schema::{Of, Shape, connection, text};
use crate::settings;

const HELP: &str = "dead_letters = { connection = \"events\", topic = \"dead.orders\" }";

const TOPIC: Of<String> = text(&Shape {
    name: "topic",
    pattern: None,
    check: check_one_topic,
    help: "a topic has no wildcards: such as \"dead.orders\"",
});

settings! {
    /// Where the dead letters of a subscription are published.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct LettersTo {
        /// A connection of type `"jetstream"` or `"redis"`; the subscription itself takes its messages from a
        /// connection of type `"nats"`, `"jetstream"` or `"redis"`.
        connection: String = connection().required(HELP);
        /// The topic of the dead letters; must not match `topics`. JetStream gets a stream for it if no stream has
        /// this topic.
        topic: String = TOPIC.required(HELP);
    }
}
