//! CloudEvents in binary mode: the attributes are headers that begin with `ce-`,
//! with values percent-encoded as the CloudEvents HTTP protocol binding requires.

use crate::header;

/// The prefix of attribute names.
pub const PREFIX: &str = "ce-";
/// The attribute that every event has.
pub const VERSION: &str = "ce-specversion";

/// Encodes an attribute as a header value. The space, the double quote, the
/// percent sign and everything but visible ASCII are percent-encoded.
pub fn encode(value: &str) -> Vec<u8> {
    let is_plain = |b: u8| header::is_value_byte(b) && !b"\"%".contains(&b);
    header::percent_encode(value, is_plain)
}

/// Decodes a header value to an attribute. Bytes that are not UTF-8 are replaced.
pub fn decode(value: &[u8]) -> String {
    let bytes = header::unescape(&header::text(value));
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binding_s_own_example() {
        let text = "Euro € 😀";
        assert_eq!(encode(text), b"Euro%20%E2%82%AC%20%F0%9F%98%80");
        assert_eq!(decode(&encode(text)), text);
        assert_eq!(encode("\"5 %\"/~"), b"%225%20%25%22/~");
    }
}
