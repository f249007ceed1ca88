//! Reads the responses of a bridge to the lines of a batch. Sending a batch stays out.

use serde::Deserialize;

/// The response to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The message is durable.
    Accepted { id: String, duplicate: bool },
    /// The message was not accepted, or it is not known whether it was.
    Refused { reason: String, lasting: bool },
}

#[derive(Deserialize)]
struct ResponseLine {
    id: Option<String>,
    #[serde(default)]
    duplicate: bool,
    error: Option<String>,
    #[serde(default)]
    status: u16,
}

impl Answer {
    /// Reads a line of the response to a batch.
    pub fn read(line: &[u8]) -> Self {
        match serde_json::from_slice(line) {
            Ok(ResponseLine {
                id: Some(id),
                duplicate,
                ..
            }) => Self::Accepted { id, duplicate },
            Ok(ResponseLine {
                error: Some(reason),
                status,
                ..
            }) => Self::refused(status, reason),
            _ => Self::refused(
                0,
                "the response does not come from a bridge: check --to".into(),
            ),
        }
    }

    /// Reads a response that refuses a whole batch.
    pub fn to_all(status: u16, body: &[u8]) -> Self {
        match serde_json::from_slice(body) {
            Ok(ResponseLine {
                error: Some(reason),
                ..
            }) => Self::refused(status, reason),
            _ => Self::refused(
                status,
                format!("the response {status} does not come from a bridge: check --to"),
            ),
        }
    }

    /// Returns the result without a response: the message may have been accepted.
    pub fn none(reason: String) -> Self {
        Self::Refused {
            reason,
            lasting: false,
        }
    }

    fn refused(status: u16, reason: String) -> Self {
        Self::Refused {
            reason,
            lasting: !matches!(status, 408 | 429 | 502..=504 | 507),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, lasting: bool) {
        match Answer::read(line.as_bytes()) {
            Answer::Refused { lasting: found, .. } => assert_eq!(found, lasting, "{line}"),
            accepted => panic!("{line}: {accepted:?}"),
        }
    }

    #[test]
    fn what_may_be_tried_again() {
        check(r#"{"error":"full","status":507,"line":1}"#, false);
        check(r#"{"error":"away","status":503,"line":1}"#, false);
        check(r#"{"error":"topic","status":400,"line":1}"#, true);
        check("nonsense", true);
        let accepted = Answer::read(br#"{"id":"i","duplicate":true}"#);
        let expected = Answer::Accepted {
            id: "i".into(),
            duplicate: true,
        };
        assert_eq!(accepted, expected);
    }
}
