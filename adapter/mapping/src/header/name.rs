//! Metadata keys as header names. HTTP ignores the case of names, so the spelling
//! of keys with upper-case letters travels in a separate header.

use super::{CONTENT_LENGTH, CONTENT_TYPE, ID, KEYS, MORE, TOPIC};

/// Names that HTTP or `wasi:http` reserves for the connection. Names that begin
/// with `proxy-` are reserved as well.
const CONNECTION_HEADERS: [&str; 10] = [
    "connection",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "trailers",
    "transfer-encoding",
    "upgrade",
];

/// Returns whether metadata must not use this name, which is in lower case.
pub fn is_reserved(name: &str) -> bool {
    is_ignored(name) || [CONTENT_TYPE, TOPIC, KEYS, MORE, ID].contains(&name)
}

/// Returns whether a received header, with its name in lower case, is not part of
/// the message.
pub fn is_ignored(name: &str) -> bool {
    name == CONTENT_LENGTH || name.starts_with("proxy-") || CONNECTION_HEADERS.contains(&name)
}

/// Returns whether the byte needs no escape in a name.
pub fn is_plain_name_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$&'+-.^_`|~".contains(&b)
}

/// Returns a name that keeps the case of the key. `taken` returns whether
/// metadata must not use a name, which is in lower case.
pub fn to_name(key: String, taken: impl Fn(&str) -> bool) -> String {
    if key.is_empty() {
        return "%".into();
    }
    let first = taken(&key.to_ascii_lowercase());
    if !first && key.bytes().all(is_plain_name_byte) {
        return key;
    }
    let mut name = String::with_capacity(key.len() + 8);
    for (at, b) in key.bytes().enumerate() {
        match is_plain_name_byte(b) && !(first && at == 0) {
            true => name.push(char::from(b)),
            false => escape(&mut name, b),
        }
    }
    name
}

/// Returns a name in which each byte is escaped, so that it differs from the
/// names of all other keys, whatever their case.
pub fn to_escaped_name(key: &str) -> String {
    let mut name = String::with_capacity(key.len() * 3);
    key.bytes().for_each(|b| escape(&mut name, b));
    name
}

/// Returns the key of a name that keeps its case. Bytes that are not UTF-8, which
/// only other senders use, are replaced.
pub fn to_key(name: &str) -> String {
    match name {
        "%" => String::new(),
        _ => String::from_utf8_lossy(&unescape(name)).into_owned(),
    }
}

fn escape(name: &mut String, b: u8) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    name.push('%');
    name.push(char::from(DIGITS[usize::from(b >> 4)]));
    name.push(char::from(DIGITS[usize::from(b & 15)]));
}

/// Decodes the escapes. Anything else stays unchanged.
pub fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, later @ ..] = rest {
        let escaped = match later {
            [high, low, ..] if *first == b'%' => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => bytes.push(high << 4 | low),
            None => bytes.push(*first),
        }
        rest = if escaped.is_some() {
            &later[2..]
        } else {
            later
        };
    }
    bytes
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|n| u8::try_from(n).ok())
}
