//! Header names and values: which metadata entries a NATS header can hold unchanged.
//!
//! `headers` encodes whole messages.

use async_nats::header::{HeaderName, HeaderValue};

pub(super) const CONTENT_TYPE: &str = "Content-Type";
/// Names that have a meaning for the server or for the bridge.
const RESERVED: [&str; 2] = ["nats-", "bridge-"];

/// Converts a metadata entry to a header, unless its name has another meaning.
pub(super) fn free(key: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    header(key, value).filter(|_| !is_ours(key))
}

/// Returns whether the name has a meaning for the server or for the bridge.
fn is_ours(key: &str) -> bool {
    let begins = |start: &&str| {
        let begin = key.get(..start.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(start))
    };
    RESERVED.iter().any(begins) || key.eq_ignore_ascii_case(CONTENT_TYPE)
}

/// Converts a name and a value to a header. Returns `None` if they would not arrive unchanged.
pub(super) fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    if value.trim() != value || value.chars().any(char::is_control) || name.is_empty() {
        return None;
    }
    Some((name.parse().ok()?, value.parse().ok()?))
}
