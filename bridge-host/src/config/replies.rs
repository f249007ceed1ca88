//! Declares `reply_to`: where the endpoint's responses are published. Publishing them
//! stays out: `delivery` does it.

use crate::message::check_topic;
use crate::schema::{Declaration, Rejection, Shape, connection, size, text};
use crate::settings;

const TOPIC: Declaration<String> = text(&Shape {
    name: "topic",
    pattern: None,
    check: check_one_topic,
    help: "a topic has no wildcards: such as \"replies.orders\"",
});

settings! {
    /// Where the endpoint's responses are published.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct ReplyTo {
        /// The topic of the replies; must not match `topics`.
        topic: String = TOPIC.required("name it: reply_to = { topic = \"replies.orders\" }");
        /// The connection that the replies are published to.
        connection: String = connection().default("\"embedded\"");
        /// The most bytes of a reply; with a longer response, the delivery becomes a dead letter.
        max_size: u64 = size().default("\"1MiB\"");
    }
}

pub(super) fn check_one_topic(topic: &str) -> Result<(), Rejection> {
    Ok(check_topic(topic).map_err(|error| error.to_string())?)
}
