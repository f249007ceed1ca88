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
    #[error("{what}: it is a push consumer; set `durable` to a pull consumer")]
    PushConsumer { what: String },
    #[error("the stream {stream} has no consumer {name}: create it, or set `create = true`")]
    NoConsumer { stream: String, name: String },
    #[error("{what}: its acknowledgement policy must be \"explicit\"")]
    NotExplicit { what: String },
    #[error("{what}: to keep the order between hosts, its `max_ack_pending` must be 1")]
    NotOrdered { what: String },
    #[error("there is no stream {0}: create it, or set `create = true`")]
    NoStream(String),
    #[error("no stream has the subject {0:?} for dead letters: create one, or set `create = true`")]
    NoLetterStream(String),
    #[error("no stream has all of the subjects {0}: the bridge creates one when it starts")]
    NoCommonStream(String),
    #[error(
        "the stream {stream} has some of the subjects {subjects}, but not all: add them, or name the stream in the connection's `stream`, so that the bridge adds them"
    )]
    SomeSubjects { stream: String, subjects: String },
    #[error(
        "the stream {stream} lacks some of the subjects {subjects}: add them, or set `create = true`"
    )]
    MissingSubjects { stream: String, subjects: String },
    #[error("the topics are in two streams, {0} and {1}: configure a subscription for each")]
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
    #[error("no client that replies subscribes to {0:?}")]
    NobodyReplies(String),
    #[error("the stream {0} is gone")]
    StreamGone(String),
    #[error(
        "the stream {stream} has the subject {topic:?} and does not answer: it has no leader now, which happens when most servers of a cluster are down"
    )]
    NoLeader { stream: String, topic: String },
    #[error(
        "no stream has the subject {0:?}: add it to the `subjects` of the connection's `stream`"
    )]
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

/// Converts a refusal of a JetStream server.
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

/// Returns the error of a request without an answer.
pub(super) fn no_answer(what: &str, error: &dyn std::fmt::Display) -> BrokerError {
    let (what, error) = (what.to_owned(), error.to_string());
    Outage::NoAnswer { what, error }.into()
}

/// Returns the error of a request that the client or the server refuses permanently.
pub(super) fn refused(what: &str, error: &dyn std::fmt::Display) -> BrokerError {
    let (what, error) = (what.to_owned(), error.to_string());
    Refusal::Server { what, error }.into()
}

/// Returns the error of a message that the client could not send.
pub(super) fn client(error: &dyn std::fmt::Display) -> BrokerError {
    Outage::Client(error.to_string()).into()
}

/// The codes of errors that mean a lack of room: of the account, the server, or the stream.
const FULL: [jetstream::ErrorCode; 5] = [
    jetstream::ErrorCode::ACCOUNT_RESOURCES_EXCEEDED,
    jetstream::ErrorCode::INSUFFICIENT_RESOURCES,
    jetstream::ErrorCode::STORAGE_RESOURCES_EXCEEDED,
    jetstream::ErrorCode::MEMORY_RESOURCES_EXCEEDED,
    jetstream::ErrorCode::STREAM_STORE_FAILED,
];

/// Converts the error of a publication.
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
