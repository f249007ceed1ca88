//! Strings as header values: unchanged if a header can carry them, and otherwise
//! percent-encoded under a name that ends in `*`, as in RFC 8187.

use std::borrow::Cow;

use super::name::unescape;
use crate::Header;

/// The prefix of every encoded value.
const ENCODED: &str = "UTF-8''";

/// Returns whether the byte may stand anywhere in a value: visible ASCII.
pub fn is_value_byte(b: u8) -> bool {
    b.is_ascii_graphic()
}

/// Returns whether a header can carry the string unchanged through every HTTP
/// stack.
pub fn is_legal_value(text: &str) -> bool {
    let bytes = text.as_bytes();
    let edges = [bytes.first(), bytes.last()];
    edges.into_iter().flatten().all(|b| is_value_byte(*b))
        && bytes
            .iter()
            .all(|b| is_value_byte(*b) || matches!(b, b' ' | b'\t'))
}

/// Adds a header with this value, encoded if necessary.
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

/// Percent-encodes every byte that is not plain.
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

/// Decodes a received value. A value that is not UTF-8, which only other senders
/// use, is read as ISO-8859-1, the historical default of HTTP.
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

/// Returns the name without the mark of encoded values, and the decoded value.
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
