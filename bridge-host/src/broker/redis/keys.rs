//! The keys of a connection in Redis: the stream, and what stands beside it.
//! All begin with the stream's key, so that an ACL user needs `~STREAM` and `~STREAM:*`.

use crate::message::MessageId;

/// The keys of one subscription.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    pub(super) stream: String,
    /// A sorted set of entry ids: when each is delivered again.
    pub(super) retries: String,
    /// A hash from entry id to the attempts that were made.
    pub(super) attempts: String,
}

impl Keys {
    pub(super) fn of(stream: &str, group: &str) -> Self {
        Self {
            stream: stream.into(),
            retries: format!("{stream}:retries:{group}"),
            attempts: format!("{stream}:attempts:{group}"),
        }
    }
}

/// The key that keeps an id from being published twice on a topic. Ids have no spaces.
pub(super) fn seen(stream: &str, id: &MessageId, topic: &str) -> String {
    format!("{stream}:id:{} {topic}", id.as_str())
}
