//! The keys of a connection in Redis: the stream, and the keys beside it.
//! All keys begin with the stream's key, so that an ACL user needs `~STREAM` and `~STREAM:*`.

use crate::message::MessageId;

/// The keys of one subscription.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    pub(super) stream: String,
    /// A sorted set of entry ids, scored by the time when each entry is due again.
    pub(super) retries: String,
    /// A hash from entry id to the number of attempts, the time of the first one, and the lease.
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

/// Returns the key that marks a message id as published on a topic. Ids have no spaces, so
/// keys of different topics differ.
pub(super) fn deduplication_key(stream: &str, id: &MessageId, topic: &str) -> String {
    format!("{stream}:id:{} {topic}", id.as_str())
}
