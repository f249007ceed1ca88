//! Formats requests: as a line for people, as JSON, and with the whole message. Recording
//! them is in `record`.

use std::fmt::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::view::View;
use crate::config::show_size;
use crate::printable::printable;

/// The most characters of a body in a line.
const SHOWN: usize = 60;

/// Returns a line for people.
pub(super) fn line(view: &View<'_>, status: StatusCode, body: &Bytes, at: SystemTime) -> String {
    let or_dash = |text: Option<&str>| text.map_or_else(|| "-".into(), plain);
    format!(
        "{} {} {} {} {} {} {}\n",
        clock(at),
        status.as_u16(),
        or_dash(view.id.as_deref()),
        or_dash(view.topic.as_deref()),
        or_dash(view.content_type.as_deref()),
        show_size(body.len() as u64),
        beginning(body),
    )
}

/// Returns a JSON object.
pub(super) fn record(view: &View<'_>, status: StatusCode, body: &Bytes, at: SystemTime) -> Value {
    let hash = Sha256::digest(body)
        .iter()
        .fold(String::new(), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        });
    json!({
        "id": view.id,
        "topic": view.topic,
        "content-type": view.content_type,
        "status": status.as_u16(),
        "length": body.len(),
        "sha256": hash,
        "at": since(at).as_secs_f64(),
    })
}

/// Adds the metadata and the data of the message, as in a batch. If the request has no
/// message, the body is the data.
pub(super) fn with_message(
    mut record: Value,
    message: Option<&mapping::Message>,
    body: &Bytes,
) -> Value {
    let metadata = message.into_iter().flat_map(|message| &message.metadata);
    let metadata = metadata.map(|(key, value)| (key.clone(), Value::from(value.as_str())));
    record["metadata"] = Value::Object(metadata.collect());
    let data = message.map_or(&body[..], |message| &message.data);
    match std::str::from_utf8(data) {
        Ok(text) => record["data"] = text.into(),
        Err(_) => record["data_base64"] = STANDARD.encode(data).into(),
    }
    record
}

/// Returns the whole message, indented.
pub(super) fn whole(message: &mapping::Message) -> String {
    let mut text = String::new();
    for (key, value) in &message.metadata {
        let _ = writeln!(text, "    {}: {}", plain(key), plain(value));
    }
    match std::str::from_utf8(&message.data) {
        Ok(data) => data.lines().for_each(|line| {
            let _ = writeln!(text, "  | {}", plain(line));
        }),
        Err(_) => {
            let size = show_size(message.data.len() as u64);
            let _ = writeln!(text, "  | {size} that are not text");
        }
    }
    text
}

/// Formats the time of day, in UTC.
fn clock(at: SystemTime) -> String {
    let since = since(at);
    let seconds = since.as_secs() % 86_400;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let millis = since.subsec_millis();
    format!("{hours:02}:{minutes:02}:{:02}.{millis:03}Z", seconds % 60)
}

fn since(at: SystemTime) -> Duration {
    at.duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn beginning(body: &Bytes) -> String {
    // A character has at most four bytes.
    let start = &body[..body.len().min(SHOWN * 4)];
    let text = String::from_utf8_lossy(start);
    let mut shown = plain(&text.chars().take(SHOWN).collect::<String>());
    if shown.len() < body.len() && text.chars().count() > SHOWN {
        shown.push('…');
    }
    shown
}

/// Returns text of the request in one line, safe to print.
fn plain(text: &str) -> String {
    printable(&text.replace(['\n', '\r', '\t'], " ")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> View<'static> {
        View {
            id: Some("msg_1".into()),
            topic: Some("orders.new".into()),
            content_type: None,
        }
    }

    #[test]
    fn lines() {
        let at = UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
        let ok = StatusCode::NO_CONTENT;
        let line = line(&view(), ok, &Bytes::from_static(b"a\x1b[2J\nb"), at);
        assert!(
            line.starts_with("22:13:20.123Z 204 msg_1 orders.new - "),
            "{line}"
        );
        assert!(line.ends_with(" a\\u{1b}[2J b\n"), "{line}");
        let record = record(&view(), ok, &Bytes::new(), at);
        assert_eq!(record["length"], 0);
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(record["sha256"], empty);
    }
}
