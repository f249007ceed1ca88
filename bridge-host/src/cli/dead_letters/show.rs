//! Formats dead letters as text and as JSON. Reading them stays out.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::broker::KeptDeadLetter;
use crate::cli::output::{self, OutputError};
use crate::message::rfc3339;
use crate::printable::{printable, printable_json, printable_lines};

/// The number of dead letters that are read at once for a list.
pub(super) const PAGE: usize = 500;

/// A list, printed as it is read.
pub(super) struct List {
    json: bool,
    printed: u64,
}

impl List {
    pub(super) fn new(json: bool) -> Self {
        Self { json, printed: 0 }
    }

    /// Prints a page of dead letters. Returns whether the reader of standard output still
    /// reads.
    pub(super) fn page(&mut self, letters: &[KeptDeadLetter]) -> Result<bool, OutputError> {
        let mut text = String::new();
        for letter in letters {
            text += &match (self.json, self.printed) {
                (true, 0) => format!("[{}", printable_json(&value(letter).to_string())),
                (true, _) => format!(",\n{}", printable_json(&value(letter).to_string())),
                (false, _) => format!("{}\n", printable(&line(letter))),
            };
            self.printed += 1;
        }
        output::part(&text)
    }

    pub(super) fn end(&self) -> Result<(), OutputError> {
        output::text(&match (self.json, self.printed) {
            (true, 0) => "[]\n".into(),
            (true, _) => "]\n".into(),
            (false, 0) => "no dead letters\n".into(),
            (false, count) => format!(
                "{count} in all; `dead-letters show N` shows one, `dead-letters replay N` delivers it again\n"
            ),
        })
    }
}

fn line(letter: &KeptDeadLetter) -> String {
    let reason = letter.letter.reason.lines().next().unwrap_or_default();
    let blocks = letter.letter.key.as_ref();
    let blocks = blocks.map_or(String::new(), |key| format!(" (blocks {key:?})"));
    format!(
        "{:>6}  {}  {}  {}  {}  {reason}{blocks}",
        letter.id,
        date(letter.at),
        letter.subscription,
        letter.message.topic,
        letter.message_id,
    )
}

/// Returns a whole dead letter.
pub(super) fn whole(letter: &KeptDeadLetter, json: bool) -> String {
    if json {
        return format!("{}\n", printable_json(&as_line(letter)));
    }
    let mut text = String::new();
    let mut row =
        |name: &str, value: &str| text.push_str(&format!("{name:14}{}\n", printable(value)));
    row("letter", &letter.id.to_string());
    row("subscription", &letter.subscription);
    row("id", &letter.message_id);
    row("topic", &letter.message.topic);
    row("reason", &letter.letter.reason);
    if let Some(key) = &letter.letter.key {
        row("blocks", key);
    }
    if let Some(status) = letter.letter.status {
        row("status", &status.to_string());
    }
    row("attempts", &letter.letter.attempts.to_string());
    row("published", &date(letter.published));
    row("given up", &date(letter.at));
    if let Some(kind) = &letter.message.content_type {
        row("content-type", kind);
    }
    for (key, value) in &letter.message.metadata {
        row("metadata", &format!("{key}: {value}"));
    }
    if let Some(backtrace) = &letter.letter.backtrace {
        text.push_str(&format!("\n{}\n", printable_lines(backtrace.trim_end())));
    }
    text + &data(&letter.message.data)
}

fn data(data: &[u8]) -> String {
    match std::str::from_utf8(data) {
        Ok("") => "\nno data\n".into(),
        Ok(text) => format!("\n{}\n", printable_lines(text)),
        Err(_) => format!(
            "\n{} bytes that are not text; --json prints them as base64\n",
            data.len()
        ),
    }
}

fn value(letter: &KeptDeadLetter) -> Value {
    json!({
        "letter": letter.id,
        "subscription": letter.subscription,
        "id": letter.message_id,
        "topic": letter.message.topic,
        "reason": letter.letter.reason,
        "blocks": letter.letter.key,
        "status": letter.letter.status,
        "attempts": letter.letter.attempts,
        "backtrace": letter.letter.backtrace,
        "published": date(letter.published),
        "at": date(letter.at),
        "size": letter.size,
    })
}

/// Returns the dead letter as one line of JSON, from which `publish --ndjson` publishes the
/// same bytes.
fn as_line(letter: &KeptDeadLetter) -> String {
    let message = &letter.message;
    let mut known = value(letter);
    known["content-type"] = json!(message.content_type);
    let metadata = message.metadata.iter();
    known["metadata"] = metadata
        .map(|(key, value)| (key.clone(), Value::from(value.as_str())))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let known = known.to_string();
    let members = known.strip_suffix('}').unwrap_or(&known);
    let (name, data) = data_member(message.content_type.as_deref(), &message.data);
    format!("{members},\"{name}\":{data}}}")
}

/// Returns the data as the JSON envelope reads it: JSON unchanged if it has one line, text
/// as a string, and anything else in base64.
fn data_member(content_type: Option<&str>, data: &[u8]) -> (&'static str, String) {
    let base64 = || ("data_base64", format!("\"{}\"", STANDARD.encode(data)));
    let Ok(text) = std::str::from_utf8(data) else {
        return base64();
    };
    let kind = content_type.map(|kind| kind.split(';').next().unwrap_or_default().trim());
    let kind = kind.map(str::to_ascii_lowercase);
    match kind.as_deref() {
        Some("application/json") => match serde_json::from_str::<&RawValue>(text) {
            Ok(value)
                if value.get() == text && !text.contains('\n') && printable_json(text) == text =>
            {
                ("data", text.into())
            }
            _ => base64(),
        },
        None | Some("text/plain") => ("data", json!(text).to_string()),
        Some(_) => base64(),
    }
}

/// Formats a time to the second.
fn date(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    rfc3339(UNIX_EPOCH + Duration::from_secs(since.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the json envelope reads back is what was shown.
    #[test]
    fn data_comes_back_byte_for_byte() {
        for (kind, data) in [
            (None, "text \"and\" more\n"),
            (None, "{\"n\": 1.0}"),
            (Some("application/json"), "{\"n\": 1.0}"),
            (Some("application/json; charset=utf-8"), " {\"n\":\n1.0}\n"),
            (Some("application/json"), "no JSON"),
            (Some("application/problem+json"), "\"x\""),
            (Some("text/plain"), "null"),
            (Some("image/png"), "x"),
            (Some(""), ""),
        ] {
            let (name, written) = data_member(kind, data.as_bytes());
            assert!(!written.contains('\n'), "{written}");
            let kind = json!(kind);
            let line = format!("{{\"topic\":\"t\",\"content-type\":{kind},\"{name}\":{written}}}");
            let read = mapping::decode(mapping::Envelope::Json, [], line.as_bytes());
            assert_eq!(read.unwrap().data, data.as_bytes(), "{line}");
        }
        let (name, written) = data_member(Some("application/json"), b"{\"n\": 1.0}");
        assert_eq!((name, written.as_str()), ("data", "{\"n\": 1.0}"));
    }
}
