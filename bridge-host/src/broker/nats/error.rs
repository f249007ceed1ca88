//! Errors of NATS: requests that will never succeed, and failures that may end
//! later. The kinds of errors that callers distinguish are in `broker/error`.

use async_nats::jetstream;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};

use super::subject::SubjectError;
use crate::broker::{BrokerError, SizeLimit};

/// The limit that a NATS server sets.
pub(super) const PAYLOAD: SizeLimit = SizeLimit {
    counted: ", headers included,",
    remedy: "raise `max_payload` of the NATS server",
};

/// A request that NATS will never accept.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("{what}: {error}")]
    Server { what: String, error: String },
    #[error("NATS: {0}")]
    Subscribe(String),
    #[error("{0}")]
    Publish(String),
    #[error("{what}: it is a push consumer; name another with `durable`")]
    PushConsumer { what: String },
    #[error("the stream {stream} has no consumer {name}: create it, or set `create = true`")]
    NoConsumer { stream: String, name: String },
    #[error("{what}: it has to have the acknowledgement policy \"explicit\"")]
    NotExplicit { what: String },
    #[error("{what}: for an order that holds on all hosts its `max_ack_pending` has to be 1")]
    NotOrdered { what: String },
    #[error("there is no stream {0}: make it, or set `create = true`")]
    NoStream(String),
    #[error("no stream takes the dead letters on {0:?}: make one, or set `create = true`")]
    NoLetterStream(String),
    #[error("no stream takes all of {0}: the bridge makes one when it starts")]
    NoCommonStream(String),
    #[error(
        "the stream {stream} takes some of {subjects}, and not all: add them to it, or name it in the connection's `stream` and they are added"
    )]
    SomeSubjects { stream: String, subjects: String },
    #[error(
        "the stream {stream} does not take all of {subjects}: add them to it, or set `create = true`"
    )]
    MissingSubjects { stream: String, subjects: String },
    #[error("the topics are in two streams, {0} and {1}: make a subscription for each")]
    TwoStreams(String, String),
}

impl From<Refusal> for BrokerError {
    fn from(refusal: Refusal) -> Self {
        Self::refused(refusal)
    }
}

impl From<SubjectError> for BrokerError {
    fn from(error: SubjectError) -> Self {
        Self::refused(error)
    }
}

/// Why NATS cannot do an operation now.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Outage {
    #[error("{0}")]
    Down(String),
    #[error("{0}")]
    Denied(String),
    #[error("NATS: {0}")]
    Client(String),
    #[error("not published: {0}")]
    NotPublished(String),
    #[error("{what}: {error}")]
    NoAnswer { what: String, error: String },
    #[error(
        "{what}: this NATS server has no JetStream: start it with `nats-server -js`, or set type = \"nats\""
    )]
    NoJetStream { what: String },
    #[error("JetStream's answer cannot be read: {0}")]
    Unreadable(String),
    #[error("the connection ended")]
    ConnectionEnded,
    #[error("nobody who replies listens on {0:?}")]
    NobodyReplies(String),
    #[error("the stream {0} is gone")]
    StreamGone(String),
    #[error(
        "the stream {stream} takes {topic:?} and does not answer: it has no leader now, which happens when most servers of a cluster are down"
    )]
    NoLeader { stream: String, topic: String },
    #[error("no stream takes {0:?}: add it to the `subjects` of the connection's `stream`")]
    NoStream(String),
    #[error("JetStream does not answer: {0}")]
    Silent(String),
}

impl From<Outage> for BrokerError {
    fn from(outage: Outage) -> Self {
        Self::unavailable(outage)
    }
}

/// A JetStream server that has no room now.
#[derive(Clone, Debug, thiserror::Error)]
#[error("JetStream: {0}")]
pub(super) struct NoRoom(jetstream::Error);

/// What a JetStream server refused.
pub(super) fn api(what: &str, error: &jetstream::Error) -> BrokerError {
    let (what, code) = (what.to_owned(), error.error_code());
    let missing = code == jetstream::ErrorCode::JETSTREAM_NOT_ENABLED
        || code == jetstream::ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT;
    let text = error.to_string();
    match error.code() {
        _ if missing => Outage::NoJetStream { what }.into(),
        400..500 => Refusal::Server { what, error: text }.into(),
        _ => Outage::NoAnswer { what, error: text }.into(),
    }
}

/// A request that brought no answer.
pub(super) fn no_answer(what: &str, error: &dyn std::fmt::Display) -> BrokerError {
    let (what, error) = (what.to_owned(), error.to_string());
    Outage::NoAnswer { what, error }.into()
}

/// A request that the client or the server refuses permanently.
pub(super) fn refused(what: &str, error: &dyn std::fmt::Display) -> BrokerError {
    let (what, error) = (what.to_owned(), error.to_string());
    Refusal::Server { what, error }.into()
}

/// A message that the client could not send.
pub(super) fn client(error: &dyn std::fmt::Display) -> BrokerError {
    Outage::Client(error.to_string()).into()
}

/// There is no room now: of the account, of the server, of the stream.
const FULL: [jetstream::ErrorCode; 5] = [
    jetstream::ErrorCode::ACCOUNT_RESOURCES_EXCEEDED,
    jetstream::ErrorCode::INSUFFICIENT_RESOURCES,
    jetstream::ErrorCode::STORAGE_RESOURCES_EXCEEDED,
    jetstream::ErrorCode::MEMORY_RESOURCES_EXCEEDED,
    jetstream::ErrorCode::STREAM_STORE_FAILED,
];

/// A message that was not published.
pub(super) fn publish(error: &PublishError) -> BrokerError {
    match error.kind() {
        PublishErrorKind::TimedOut => BrokerError::Timeout,
        PublishErrorKind::WrongLastMessageId | PublishErrorKind::WrongLastSequence => {
            Refusal::Publish(error.to_string()).into()
        }
        _ => {
            let source = std::error::Error::source(error);
            let refused = source.and_then(|source| source.downcast_ref::<jetstream::Error>());
            match refused {
                Some(refused) if FULL.contains(&refused.error_code()) => {
                    BrokerError::full(NoRoom(refused.clone()))
                }
                Some(refused) => api("not published", refused),
                None => no_answer("not published", error),
            }
        }
    }
}
