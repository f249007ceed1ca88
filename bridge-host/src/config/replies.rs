//! `reply_to`: where the endpoint's responses are published.

use super::read::Names;
use super::value::Value;
use super::{EMBEDDED, Subscription};
use crate::message::check_topic;

/// The most data that a reply may have, unless told otherwise.
const MAX_SIZE: u64 = 1 << 20;

const TOPIC_HELP: &str = "name it: reply_to = { topic = \"replies.orders\" }";

/// What becomes of the endpoint's responses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyTo {
    /// The name of a connection that there is.
    pub connection: String,
    /// The topic of the messages.
    pub topic: String,
    /// The most data that one may have, in bytes.
    pub max_size: u64,
}

pub(super) fn read(value: &Value<'_>, names: &Names<'_>) -> Option<ReplyTo> {
    let mut section = value.section("`reply_to`")?;
    let connection = match section.take("connection") {
        Some(value) => names.known(&value),
        None => Some(EMBEDDED.into()),
    };
    let topic = section.take("topic");
    let max_size = section.take("max_size").map(|value| value.size());
    if topic.is_none() {
        section.missing("topic", TOPIC_HELP);
    }
    section.finish();
    let topic = topic?;
    let text = topic.text()?;
    let help = "a topic has no wildcards: such as \"replies.orders\"";
    topic.checked(&text, check_topic(text.expose()), help)?;
    Some(ReplyTo {
        connection: connection?,
        topic: text.expose().into(),
        max_size: max_size.unwrap_or(Some(MAX_SIZE))?,
    })
}

/// Replies need responses, and must not come back as messages.
pub(super) fn check(value: &Value<'_>, subscription: &Subscription) {
    let Some(reply_to) = &subscription.reply_to else {
        return;
    };
    // An endpoint that could not be read has a fault of its own.
    if subscription.endpoint.is_none() && !subscription.places.contains_key("to") {
        value.reader.fault(
            value.key_span.clone(),
            "there is a `reply_to`, and no `to` that would answer",
            "name the endpoint, or have the component publish what it wants",
        );
    }
    let topic = &reply_to.topic;
    let topics = subscription.topics.as_deref().unwrap_or_default();
    let comes_back = topics.iter().any(|pattern| pattern.matches(topic));
    if comes_back && reply_to.connection == subscription.from {
        value.fault(
            format!("the subscription would receive its own replies, on {topic:?}"),
            "choose a topic that `topics` does not select",
        );
    }
}
