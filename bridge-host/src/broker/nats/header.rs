//! One header: what can stand in it, and comes back as it was.

use async_nats::header::{HeaderName, HeaderValue};

pub(super) const CONTENT_TYPE: &str = "Content-Type";
/// What the server, or the other end, gives a meaning to.
const RESERVED: [&str; 2] = ["nats-", "bridge-"];

/// As a header of the message's own.
pub(super) fn free(key: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    header(key, value).filter(|_| !is_ours(key))
}

/// Whether the server, or the other end, would take it for something else.
fn is_ours(key: &str) -> bool {
    let begins = |start: &&str| {
        let begin = key.get(..start.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(start))
    };
    RESERVED.iter().any(begins) || key.eq_ignore_ascii_case(CONTENT_TYPE)
}

/// Where both can stand in a header and come back as they are.
pub(super) fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    if value.trim() != value || value.chars().any(char::is_control) || name.is_empty() {
        return None;
    }
    Some((name.parse().ok()?, value.parse().ok()?))
}
