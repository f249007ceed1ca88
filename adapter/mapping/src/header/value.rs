//! Texts as header values: as they are where a header can carry them, else
//! percent-encoded under a name that ends in `*`, as RFC 8187 writes it.

use std::borrow::Cow;

use super::name::unescape;
use crate::Header;

/// In front of every encoded value.
const ENCODED: &str = "UTF-8''";

/// A byte that may stand anywhere in a value: visible ASCII.
pub fn is_value_byte(b: u8) -> bool {
    b.is_ascii_graphic()
}

/// Whether a header can carry the text as it is, through every HTTP stack.
pub fn is_legal_value(text: &str) -> bool {
    let bytes = text.as_bytes();
    let edges = [bytes.first(), bytes.last()];
    edges.into_iter().flatten().all(|b| is_value_byte(*b))
        && bytes
            .iter()
            .all(|b| is_value_byte(*b) || matches!(b, b' ' | b'\t'))
}

/// Adds a header with this value, one way or the other.
pub fn add_value(headers: &mut Vec<Header>, mut name: String, value: String) {
    if is_legal_value(&value) {
        headers.push((name, value.into_bytes()));
        return;
    }
    name.push('*');
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&b);
    let mut encoded = ENCODED.as_bytes().to_vec();
    encoded.extend(percent_encode(&value, is_plain));
    headers.push((name, encoded));
}

/// The text, every byte that is not plain as `%` and two hexadecimal digits.
pub fn percent_encode(text: &str, is_plain: impl Fn(u8) -> bool) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = Vec::with_capacity(text.len() * 2);
    for b in text.bytes() {
        match is_plain(b) {
            true => encoded.push(b),
            false => encoded.extend([
                b'%',
                DIGITS[usize::from(b >> 4)],
                DIGITS[usize::from(b & 15)],
            ]),
        }
    }
    encoded
}

/// A received value as a text. Bytes that are not UTF-8, which only a stranger
/// sends, are ISO-8859-1, as HTTP once had it.
pub fn text(value: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(value) {
        Ok(text) => text.into(),
        Err(_) => value
            .iter()
            .map(|b| char::from(*b))
            .collect::<String>()
            .into(),
    }
}

/// A header's name without the mark of encoded values, and its text.
pub fn read_value<'a>(name: &'a str, value: &[u8]) -> (&'a str, String) {
    let text = text(value);
    match (name.strip_suffix('*'), text.strip_prefix(ENCODED)) {
        (Some(name), Some(encoded)) => {
            let bytes = unescape(encoded);
            (name, String::from_utf8_lossy(&bytes).into_owned())
        }
        _ => (name, text.into_owned()),
    }
}
