//! What Redis says when it does not do as asked: no room, or not now; never that a message is at fault.
//! The kinds that callers tell apart are in `broker/error`.

use redis::RedisError;

use crate::broker::BrokerError;

/// What Redis will never do as asked.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the key {0:?} is no stream: set `stream` to another key, or delete that one")]
    NotAStream(String),
    #[error(
        "Redis keeps no last message for each topic: set `start` to \"all\", \"new\" or \"last\""
    )]
    LastPerTopic,
    #[error(
        "the stream {0:?} is trimmed by `max_length` or `max_age`, which would remove dead letters: \
         name a connection without these for them"
    )]
    TrimmedLetters(String),
}

impl From<Refusal> for BrokerError {
    fn from(refusal: Refusal) -> Self {
        Self::refused(refusal)
    }
}

/// Why Redis does not do it now.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Outage {
    #[error("{0}")]
    Down(String),
    #[error("Redis: {}", said(.0))]
    Server(#[source] RedisError),
    #[error("another host has the message by now")]
    NotOurs,
    #[error("the connection to Redis ended")]
    Ended,
}

impl From<Outage> for BrokerError {
    fn from(outage: Outage) -> Self {
        Self::unavailable(outage)
    }
}

/// Redis has no memory left for writes.
#[derive(Clone, Debug, thiserror::Error)]
#[error("Redis: {}; raise `maxmemory`, or set `max_length` or `max_age`", said(.0))]
struct OutOfMemory(#[source] RedisError);

/// Returns a failed command as callers know it.
pub(super) fn failed(error: RedisError) -> BrokerError {
    match error.code() {
        _ if error.is_timeout() => BrokerError::Timeout,
        Some("OOM") => BrokerError::full(OutOfMemory(error)),
        _ => Outage::Server(error).into(),
    }
}

/// Returns whether the group, or the stream with it, is gone.
pub(super) fn is_no_group(error: &RedisError) -> bool {
    error.code() == Some("NOGROUP")
        // Of a script that met it.
        || error.detail().is_some_and(|detail| detail.contains("NOGROUP"))
}

/// Returns what the server said, as `redis-cli` shows it; else what went wrong.
pub(super) fn said(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use redis::make_extension_error;

    use super::*;

    fn server(code: &str, detail: &str) -> RedisError {
        make_extension_error(code.into(), Some(detail.into()))
    }

    #[test]
    fn trouble_of_the_server_is_never_the_messages_fault() {
        for code in [
            "READONLY",
            "LOADING",
            "MISCONF",
            "NOPERM",
            "MASTERDOWN",
            "WRONGTYPE",
            "ERR",
        ] {
            let failed = failed(server(code, "cannot do that"));
            assert!(matches!(failed, BrokerError::Unavailable(_)), "{code}");
            assert_eq!(failed.to_string(), format!("Redis: {code} cannot do that"));
        }
        let full = failed(server("OOM", "command not allowed"));
        assert!(matches!(full, BrokerError::Full(_)), "{full:?}");
    }

    #[test]
    fn a_group_that_is_gone_is_recognised_in_a_script_too() {
        assert!(is_no_group(&server("NOGROUP", "No such key")));
        assert!(is_no_group(&server("ERR", "NOGROUP No such key script: 1")));
        assert!(!is_no_group(&server("ERR", "no such key")));
    }
}
