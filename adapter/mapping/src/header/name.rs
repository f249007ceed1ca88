//! Keys as header names. Letters lose their case on the way, so the spelling
//! of keys that have upper-case letters travels in a header of its own.

use super::{CONTENT_LENGTH, CONTENT_TYPE, ID, KEYS, MORE, TOPIC};

/// Names that HTTP or `wasi:http` keeps for the connection. Nor may a message
/// use any that begins with `proxy-`.
const OF_CONNECTION: [&str; 10] = [
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

/// Whether a name, in lower case, is not for keys of metadata to use.
pub fn is_reserved(name: &str) -> bool {
    is_unheard(name) || [CONTENT_TYPE, TOPIC, KEYS, MORE, ID].contains(&name)
}

/// Whether a received header, its name in lower case, says nothing of the
/// message.
pub fn is_unheard(name: &str) -> bool {
    name == CONTENT_LENGTH || name.starts_with("proxy-") || OF_CONNECTION.contains(&name)
}

/// A byte that stands for itself in a name.
pub fn is_plain_name_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$&'+-.^_`|~".contains(&b)
}

/// The key as a name that keeps its case; `taken` knows names in lower case
/// that are not for keys to use.
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

/// A name that no other key has, upper-case letters or not: all of it escaped.
pub fn to_unlike_name(key: &str) -> String {
    let mut name = String::with_capacity(key.len() * 3);
    key.bytes().for_each(|b| escape(&mut name, b));
    name
}

/// The key behind a name that keeps its case. Bytes that are not UTF-8, which
/// only a stranger sends, are replaced.
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

/// The bytes behind the escapes. What is no escape stays as it is.
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
