//! Responses that become messages: which ones, and how. The bodies are read in
//! `open_response`.

use crate::message::MessageId;

/// Of which responses messages are made, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replies {
    /// The subscription: what two of them make of one message, are two messages.
    pub by: String,
    /// The topic of the messages.
    pub topic: String,
    /// The most data that one may have, in bytes.
    pub max_size: u64,
}

/// A response of this request is wanted as a message.
pub(crate) struct Wanted {
    pub(crate) replies: Replies,
    /// That of the request, on which the message's depends.
    pub(crate) id: MessageId,
    /// How many requests of the same id the call made before.
    pub(crate) before: usize,
    /// The hop count of the message for which the request is made.
    pub(crate) hops: u32,
}
