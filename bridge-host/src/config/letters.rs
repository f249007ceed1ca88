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
        /// A connection of type `"jetstream"`; the subscription comes from `"nats"` or `"jetstream"` itself.
        connection: String = connection().required(HELP);
        /// The topic of the letters; must not match `topics`. Where no stream takes it, one is made.
        topic: String = TOPIC.required(HELP);
    }
}
