//! Errors of Redis: it has no memory, or cannot run a command now. None of them is the fault of a message.
//! The kinds of errors that callers distinguish are in `broker/error`.

use redis::RedisError;

use crate::broker::BrokerError;

/// A request that Redis will never accept.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the key {0:?} is not a stream: set `stream` to another key, or delete this key")]
    NotAStream(String),
    #[error(
        "Redis does not keep the last message of each topic: set `start` to \"all\", \"new\" or \"last\""
    )]
    LastPerTopic,
    #[error(
        "the stream {0:?} is trimmed by `max_length` or `max_age`, which would remove dead letters: \
         name a connection without these settings for dead letters"
    )]
    TrimmedLetters(String),
}

impl From<Refusal> for BrokerError {
    fn from(refusal: Refusal) -> Self {
        Self::refused(refusal)
    }
}

/// Why Redis cannot do an operation now.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Outage {
    #[error("{0}")]
    Down(String),
    #[error("Redis: {}", server_message(.0))]
    Server(#[source] RedisError),
    #[error("another host holds the lease of the message")]
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
#[error("Redis: {}; raise `maxmemory`, or set `max_length` or `max_age`", server_message(.0))]
struct OutOfMemory(#[source] RedisError);

/// Converts the error of a command to the kind that callers know.
pub(super) fn broker_error(error: RedisError) -> BrokerError {
    match error.code() {
        _ if error.is_timeout() => BrokerError::Timeout,
        Some("OOM") => BrokerError::full(OutOfMemory(error)),
        _ => Outage::Server(error).into(),
    }
}

/// Returns whether the group, or the stream with it, is gone.
pub(super) fn is_no_group(error: &RedisError) -> bool {
    has_code(error, "NOGROUP")
}

/// The codes of errors that last until an operator does something.
const REFUSALS: [&str; 5] = ["NOPERM", "NOAUTH", "READONLY", "MISCONF", "WRONGTYPE"];

/// What Redis says, without a code, of a command inside a script that the user may not run.
const REFUSED_IN_SCRIPT: &str = "can't run this command";

/// Returns whether Redis refuses an operation until an operator changes something:
/// permissions, a replica's role, a disk, a key of another type.
pub(super) fn is_refusal(error: &RedisError) -> bool {
    let mut known = REFUSALS.iter().chain([&REFUSED_IN_SCRIPT]);
    known.any(|known| has_code(error, known))
}

/// Returns whether an error has this code. A Lua script has the code in its detail.
fn has_code(error: &RedisError, code: &str) -> bool {
    error.code() == Some(code) || error.detail().is_some_and(|detail| detail.contains(code))
}

/// Returns the server's error as `redis-cli` shows it, or the client's error. The checksum of a
/// script, which Redis appends, is left out.
pub(super) fn server_message(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => {
            let detail = detail.split(" script: ").next().unwrap_or_default();
            format!("{code} {detail}")
        }
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
            let error = broker_error(server(code, "cannot do that"));
            assert!(matches!(error, BrokerError::Unavailable(_)), "{code}");
            assert_eq!(error.to_string(), format!("Redis: {code} cannot do that"));
        }
        let full = broker_error(server("OOM", "command not allowed"));
        assert!(matches!(full, BrokerError::Full(_)), "{full:?}");
    }

    #[test]
    fn a_group_that_is_gone_is_recognised_in_a_script_too() {
        assert!(is_no_group(&server("NOGROUP", "No such key")));
        assert!(is_no_group(&server("ERR", "NOGROUP No such key script: 1")));
        assert!(!is_no_group(&server("ERR", "no such key")));
    }

    #[test]
    fn an_error_in_a_script_has_no_checksum() {
        let detail = "The user executing the script can't run this command or subcommand \
                      script: 5a9193b5021dd6dfbcd0400edf492f2093bb4d53, on @user_script:1.";
        assert_eq!(
            server_message(&server("ERR", detail)),
            "ERR The user executing the script can't run this command or subcommand"
        );
    }

    #[test]
    fn a_refusal_is_recognised_in_a_script_too() {
        for (code, detail) in [
            (
                "NOPERM",
                "User bridge has no permissions to run the 'xadd' command",
            ),
            ("READONLY", "You can't write against a read only replica."),
            (
                "ERR",
                "The user executing the script can't run this command or subcommand script: 1",
            ),
            (
                "ERR",
                "WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
        ] {
            assert!(is_refusal(&server(code, detail)), "{code} {detail}");
        }
        for (code, detail) in [("OOM", "command not allowed"), ("NOGROUP", "No such key")] {
            assert!(!is_refusal(&server(code, detail)), "{code} {detail}");
        }
    }
}
