//! Headers that the NATS client cannot read. When the client receives such headers, it ends its
//! connection, or panics. So this file detects them by the client's rules, and reads as much as
//! possible. The rules are in docs/upstream/async-nats-headers.md.
//!
//! `unreadable_search` finds the messages.

use std::iter::Peekable;
use std::str::Lines;

use async_nats::header::{HeaderMap, HeaderName, HeaderValue};
use async_nats::{Message, StatusCode, Subject};

use super::raw::RawMessage;

/// The metadata entry with the raw headers of an unreadable message. Bytes that are not printable
/// are escaped, as in `\r\n` and `\xff`.
pub(super) const RAW: &str = "nats-headers";

/// Returns why the client cannot read a message; `None` if it can.
pub(super) fn fault(message: &RawMessage) -> Option<&'static str> {
    let with_headers = !message.headers.is_empty();
    if message.is_lossy {
        return Some("its subject is not UTF-8");
    }
    if with_headers && message.subject.contains(char::is_whitespace) {
        return Some("its subject has white space");
    }
    with_headers.then(|| fault_in(&message.headers)).flatten()
}

fn fault_in(headers: &[u8]) -> Option<&'static str> {
    let Ok(text) = std::str::from_utf8(headers) else {
        return Some("a header is not UTF-8");
    };
    let mut lines = text.lines().peekable();
    let version = lines.next().unwrap_or_default();
    let Some(status) = version.strip_prefix("NATS/1.0") else {
        return Some("its headers do not begin with NATS/1.0");
    };
    let status = status.trim().split(' ').next().unwrap_or_default();
    if !status.is_empty() && status.parse::<StatusCode>().is_err() {
        return Some("its status is not a number from 100 to 999");
    }
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let Some((name, value)) = line.split_once(':') else {
            return Some("a header has no colon");
        };
        if name.parse::<HeaderName>().is_err() {
            return Some(
                "the name of a header has a space, or another character that header names may not have",
            );
        }
        if unfolded(value, &mut lines).parse::<HeaderValue>().is_err() {
            return Some("a header has a carriage return without a line feed");
        }
    }
    None
}

/// Returns a value with its continuation lines.
fn unfolded(value: &str, lines: &mut Peekable<Lines<'_>>) -> String {
    let mut value = value.trim_start().to_owned();
    while let Some(more) = lines.next_if(|line| line.starts_with(char::is_whitespace)) {
        value.push_str(more);
    }
    value.truncate(value.trim_end().len());
    value
}

/// Returns the headers that are readable, as the client would read them.
pub(super) fn readable(headers: &[u8]) -> HeaderMap {
    let text = String::from_utf8_lossy(headers);
    let mut lines = text.lines().peekable();
    let mut found = HeaderMap::new();
    lines.next_if(|line| line.starts_with("NATS/"));
    while let Some(line) = lines.next() {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let value = unfolded(value, &mut lines);
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            found.append(name, value);
        }
    }
    found
}

/// Returns the message as the client would, to be settled at `reply`.
pub(super) fn to_message(raw: RawMessage, reply: Subject) -> Message {
    let length = raw.headers.len() + raw.data.len();
    Message {
        headers: Some(readable(&raw.headers)),
        subject: raw.subject.into(),
        reply: Some(reply),
        payload: raw.data,
        status: None,
        description: None,
        length,
    }
}

/// Returns the raw headers in printable characters.
pub(super) fn shown(headers: &[u8]) -> String {
    headers.escape_ascii().to_string()
}

#[cfg(test)]
mod tests;
