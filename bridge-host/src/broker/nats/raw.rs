//! Reads messages of a stream by JetStream's API, which returns headers as Base64 in JSON. So even
//! headers that the client cannot read can be read here.
//!
//! `unreadable` parses such headers.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;

use super::client::ReconnectingClient;
use super::error::Outage;
use crate::broker::BrokerError;

/// The error code for a message that does not exist.
const NOT_FOUND: u64 = 10037;

/// A message as the stream has it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RawMessage {
    /// The subject; bytes that are not UTF-8 are replaced.
    pub(super) subject: String,
    /// Whether bytes of the subject were replaced.
    pub(super) is_lossy: bool,
    pub(super) sequence: u64,
    /// The headers from the version line on; empty for a message without headers.
    pub(super) headers: Vec<u8>,
    pub(super) data: Bytes,
    pub(super) published: SystemTime,
}

/// Returns the first message on this subject from this stream sequence on.
pub(super) async fn next(
    connection: &ReconnectingClient,
    prefix: &str,
    stream: &str,
    subject: &str,
    from: u64,
) -> Result<Option<RawMessage>, BrokerError> {
    let api = format!("{prefix}.STREAM.MSG.GET.{stream}");
    let asked = serde_json::json!({ "seq": from.max(1), "next_by_subj": subject });
    let answer = connection.request(api, asked.to_string().into()).await?;
    read(&answer)
}

#[derive(Deserialize)]
struct ApiAnswer {
    message: Option<StoredMessage>,
    error: Option<ApiError>,
}

#[derive(Deserialize)]
struct StoredMessage {
    subject: String,
    seq: u64,
    #[serde(default)]
    hdrs: String,
    #[serde(default)]
    data: String,
    time: String,
}

#[derive(Deserialize)]
struct ApiError {
    err_code: u64,
    description: String,
}

fn read(answer: &[u8]) -> Result<Option<RawMessage>, BrokerError> {
    let odd =
        |error: &dyn std::fmt::Display| BrokerError::from(Outage::Unreadable(error.to_string()));
    let read: ApiAnswer = serde_json::from_slice(answer).map_err(|error| odd(&error))?;
    let kept = match (read.message, read.error) {
        (Some(kept), _) => kept,
        (None, Some(refusal)) if refusal.err_code == NOT_FOUND => return Ok(None),
        (None, Some(refusal)) => return Err(Outage::Denied(refusal.description).into()),
        (None, None) => return Err(odd(&"neither a message nor an error")),
    };
    let bytes = |text: &str| STANDARD.decode(text).map_err(|error| odd(&error));
    Ok(Some(RawMessage {
        is_lossy: has_replaced(answer),
        sequence: kept.seq,
        headers: bytes(&kept.hdrs)?,
        data: bytes(&kept.data)?.into(),
        published: humantime::parse_rfc3339(&kept.time).unwrap_or(UNIX_EPOCH),
        subject: kept.subject,
    }))
}

/// Returns whether the server wrote `\ufffd`, which replaces bytes that are not UTF-8. A subject
/// that contains this character has it unescaped, and nothing else in such an answer has a
/// backslash.
fn has_replaced(answer: &[u8]) -> bool {
    const REPLACED: &[u8] = br"\ufffd";
    let mut places = answer.windows(REPLACED.len()).enumerate();
    places.any(|(n, found)| {
        let before = answer[..n].iter().rev().take_while(|byte| **byte == b'\\');
        found == REPLACED && before.count() % 2 == 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(subject: &str) -> String {
        format!(
            r#"{{"message":{{"subject":"{subject}","seq":5,"hdrs":"TkFUUy8xLjANCg==","data":"eQ==","time":"2026-11-29T13:57:34.5Z"}}}}"#
        )
    }

    #[test]
    fn a_stored_message_is_read() {
        let message = read(answer("o.e").as_bytes()).unwrap().unwrap();
        assert_eq!((message.subject.as_str(), message.sequence), ("o.e", 5));
        assert_eq!(message.headers, b"NATS/1.0\r\n");
        assert_eq!(&message.data[..], b"y");
        let published = message.published.duration_since(UNIX_EPOCH).unwrap();
        assert_eq!(published.as_millis(), 1_795_960_654_500);
    }

    #[test]
    fn bytes_that_were_replaced_are_noticed() {
        for (subject, expected) in [
            (r"o.\ufffd", true),
            (r"o.\\\ufffd", true),
            (r"o.\\ufffd", false),
            ("o.\u{fffd}", false),
            ("o.x", false),
        ] {
            let message = read(answer(subject).as_bytes()).unwrap().unwrap();
            assert_eq!(message.is_lossy, expected, "{subject}");
        }
    }

    #[test]
    fn a_missing_message_is_not_an_error() {
        let none = br#"{"error":{"code":404,"err_code":10037,"description":"no message found"}}"#;
        assert_eq!(read(none), Ok(None));
        let refused = br#"{"error":{"code":503,"err_code":10008,"description":"not available"}}"#;
        assert!(matches!(read(refused), Err(BrokerError::Unavailable(_))));
        assert!(read(b"{}").is_err() && read(b"?").is_err());
    }
}
