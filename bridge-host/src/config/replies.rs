//! `reply_to`: where the endpoint's responses are published. Publishing them is
//! `delivery`'s.

use crate::message::check_topic;
use crate::schema::{Of, Rejection, Shape, connection, size, text};
use crate::settings;

const TOPIC: Of<String> = text(&Shape {
    name: "topic",
    pattern: None,
    check: check_one_topic,
    help: "a topic has no wildcards: such as \"replies.orders\"",
});

settings! {
    /// What becomes of the endpoint's responses.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct ReplyTo {
        /// The topic of the replies; must not match `topics`.
        topic: String = TOPIC.required("name it: reply_to = { topic = \"replies.orders\" }");
        /// The connection that they are published to.
        connection: String = connection().default("\"embedded\"");
        /// The most data that one may have; a longer response makes the delivery a dead letter.
        max_size: u64 = size().default("\"1MiB\"");
    }
}

pub(super) fn check_one_topic(topic: &str) -> Result<(), Rejection> {
    Ok(check_topic(topic).map_err(|error| error.to_string())?)
}
