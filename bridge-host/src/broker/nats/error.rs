//! What NATS says when it does not do as asked, as the traits know it: what
//! will never work, and what may work later.

use async_nats::jetstream;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};

use crate::broker::BrokerError;

/// What a JetStream server refused.
pub(super) fn api(what: &str, error: &jetstream::Error) -> BrokerError {
    let code = error.error_code();
    let missing = code == jetstream::ErrorCode::JETSTREAM_NOT_ENABLED
        || code == jetstream::ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT;
    if missing {
        return BrokerError::Unavailable(format!(
            "{what}: this NATS server has no JetStream: start it with `nats-server -js`, or set type = \"nats\""
        ));
    }
    let text = format!("{what}: {error}");
    match error.code() {
        400..500 => BrokerError::Refused(text),
        _ => BrokerError::Unavailable(text),
    }
}

/// A request that brought no answer.
pub(super) fn no_answer(what: &str, error: &dyn std::fmt::Display) -> BrokerError {
    BrokerError::Unavailable(format!("{what}: {error}"))
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
            BrokerError::Refused(error.to_string())
        }
        _ => {
            let source = std::error::Error::source(error);
            let refused = source.and_then(|source| source.downcast_ref::<jetstream::Error>());
            match refused {
                Some(refused) if FULL.contains(&refused.error_code()) => {
                    BrokerError::Full(format!("JetStream: {refused}"))
                }
                Some(refused) => api("not published", refused),
                None => no_answer("not published", error),
            }
        }
    }
}
