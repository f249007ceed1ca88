//! Which responses become messages. Their bodies are read in `open_response`.

use crate::message::MessageId;

/// How the responses of an endpoint become messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplySettings {
    /// The name of the subscription. It is part of the replies' ids, so that two subscriptions make
    /// different messages of the same response.
    pub by: String,
    /// The topic of the messages.
    pub topic: String,
    /// The limit on the data of one message, in bytes.
    pub max_size: u64,
}

/// A request whose response becomes a message.
pub(crate) struct ReplyRequest {
    pub(crate) replies: ReplySettings,
    /// The id of the request, from which the id of the message is derived.
    pub(crate) id: MessageId,
    /// How many requests of the same id the call made before.
    pub(crate) before: usize,
    /// The hop count of the message on whose behalf the request is made.
    pub(crate) hops: u32,
}
