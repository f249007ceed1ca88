//! What a bridge answers to one line of a batch.

use serde::Deserialize;

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is durable.
    Accepted { id: String, duplicate: bool },
    /// It was not taken, or nobody knows.
    Refused { reason: String, lasting: bool },
}

#[derive(Deserialize)]
struct Told {
    id: Option<String>,
    #[serde(default)]
    duplicate: bool,
    error: Option<String>,
    #[serde(default)]
    status: u16,
}

impl Answer {
    /// Reads a line of the answer to a batch.
    pub fn read(line: &[u8]) -> Self {
        match serde_json::from_slice(line) {
            Ok(Told {
                id: Some(id),
                duplicate,
                ..
            }) => Self::Accepted { id, duplicate },
            Ok(Told {
                error: Some(reason),
                status,
                ..
            }) => Self::refused(status, reason),
            _ => Self::refused(0, "the answer is not a bridge's: is --to right?".into()),
        }
    }

    /// The answer to a whole batch that is no batch of answers.
    pub fn to_all(status: u16, body: &[u8]) -> Self {
        match serde_json::from_slice(body) {
            Ok(Told {
                error: Some(reason),
                ..
            }) => Self::refused(status, reason),
            _ => Self::refused(
                status,
                format!("it answers {status}, as no bridge does: is --to right?"),
            ),
        }
    }

    /// No answer: the bridge may have taken it or not.
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
