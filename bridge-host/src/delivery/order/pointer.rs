//! Finds the value at a JSON pointer (RFC 6901) without building a tree: data may
//! be nested to any depth, and only the value itself is copied.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The byte order mark, which may precede UTF-8 text, and which JSON forbids.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Returns the text of the value at the pointer, strings without quotes. Returns
/// `None` if there is no such value, if it is null, or if the data as a whole is
/// not JSON.
///
/// If an object has two members of the same name, the last one counts. Bytes that
/// are not UTF-8 are read as U+FFFD, so keys that differ only in such bytes are
/// equal.
pub(super) fn find<'a>(data: &'a [u8], pointer: &str) -> Option<Cow<'a, str>> {
    let data = data.strip_prefix(BYTE_ORDER_MARK).unwrap_or(data);
    match std::str::from_utf8(data) {
        Ok(text) => find_in(text, pointer),
        Err(_) => {
            let text = String::from_utf8_lossy(data);
            find_in(&text, pointer).map(|key| key.into_owned().into())
        }
    }
}

fn find_in<'a>(text: &'a str, pointer: &str) -> Option<Cow<'a, str>> {
    let mut value = text;
    for token in pointer.split('/').skip(1) {
        value = step(value, &unescaped(token))?.get();
    }
    key(value)
}

/// Unescapes a token of the pointer: ~1 is a slash, ~0 a tilde.
fn unescaped(token: &str) -> Cow<'_, str> {
    match token.contains('~') {
        true => token.replace("~1", "/").replace("~0", "~").into(),
        false => token.into(),
    }
}

/// Returns the value of one token, one level down.
fn step<'a>(text: &'a str, token: &str) -> Option<&'a RawValue> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let found = reader.deserialize_any(Level(token)).ok()?;
    reader.end().ok()?;
    found
}

/// Returns the key that a value stands for.
fn key(value: &str) -> Option<Cow<'_, str>> {
    match value.as_bytes().first()? {
        b'n' => None,
        b'"' => {
            let text = serde_json::from_str(value);
            // A string with half a surrogate pair is a key as well.
            Some(text.unwrap_or(value.into()))
        }
        b'{' | b'[' => Some(compact(value).into()),
        _ => Some(value.into()),
    }
}

/// Removes the white space between tokens.
fn compact(json: &str) -> String {
    let (mut quoted, mut escaped) = (false, false);
    let keeps = |c: &char| {
        if !quoted && c.is_ascii_whitespace() {
            return false;
        }
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        true
    };
    json.chars().filter(keeps).collect()
}

/// Looks for one token in an object or a list, and reads the whole of it.
struct Level<'t>(&'t str);

impl<'de> Visitor<'de> for Level<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(is_it) = map.next_key_seed(Name(self.0))? {
            match is_it {
                true => found = Some(map.next_value()?),
                false => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let position = index(self.0);
        let mut found = None;
        for n in 0.. {
            if position == Some(n) {
                found = seq.next_element()?;
            } else if seq.next_element::<IgnoredAny>()?.is_none() {
                break;
            }
        }
        Ok(found)
    }
}

/// Parses an index of a list, as RFC 6901 defines it.
fn index(token: &str) -> Option<usize> {
    let digits = token.bytes().all(|byte| byte.is_ascii_digit());
    let plain = digits && (token == "0" || !token.starts_with('0'));
    token.parse().ok().filter(|_| plain)
}

/// Compares a member's name, which may contain any bytes.
struct Name<'t>(&'t str);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, name: D) -> Result<bool, D::Error> {
        name.deserialize_bytes(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_bytes<E: de::Error>(self, name: &[u8]) -> Result<bool, E> {
        Ok(name == self.0.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(data: impl AsRef<[u8]>, pointer: &str, expected: Option<&str>) {
        let found = find(data.as_ref(), pointer);
        assert_eq!(found.as_deref(), expected, "{pointer}");
    }

    #[test]
    fn values_are_keys() {
        let data = r#" {"customer": {"id":7}, "name":"A\u00e9\n", "none":null, "yes":true,
            "list":[1, "x", [ ]], "": {"a/b~c": 1.50}, "big": 123456789012345678901234567890} "#;
        check(data, "/customer/id", Some("7"));
        check(data, "/name", Some("Aé\n"));
        check(data, "/yes", Some("true"));
        check(data, "/list/0", Some("1"));
        check(data, "/list/1", Some("x"));
        check(data, "/list/2", Some("[]"));
        check(data, "/list", Some(r#"[1,"x",[]]"#));
        check(data, "/customer", Some(r#"{"id":7}"#));
        check(data, "//a~1b~0c", Some("1.50"));
        check(data, "/big", Some("123456789012345678901234567890"));
        for none in [
            "/none",
            "/missing/id",
            "/name/0",
            "/list/3",
            "/list/00",
            "/list/-",
            "/list/+1",
        ] {
            check(data, none, None);
        }
        check(
            r#"{"text": "a \" b", "o": { "k \"" : "v \\" } }"#,
            "/o",
            Some(r#"{"k \"":"v \\"}"#),
        );
    }

    #[test]
    fn depth_does_not_matter() {
        for depth in [127, 128, 1000, 100_000] {
            let (open, close) = ("[".repeat(depth), "]".repeat(depth));
            let before = format!(r#"{{"deep":{open}1{close},"id":"a"}}"#);
            check(&before, "/id", Some("a"));
            let after = format!(r#"{{"id":"a","deep":{open}{close}}}"#);
            check(&after, "/id", Some("a"));
            check(&after, "/deep", Some(&format!("{open}{close}")));
        }
        let (open, close) = (r#"{"a":"#.repeat(300), "}".repeat(300));
        check(format!("{open}7{close}"), &"/a".repeat(300), Some("7"));
    }

    #[test]
    fn the_last_of_two_members_counts() {
        check(r#"{"id":1,"id":2}"#, "/id", Some("2"));
        check(r#"{"a":{"id":1},"a":{"id":2}}"#, "/a/id", Some("2"));
        check(r#"{"a":{"id":1},"a":{}}"#, "/a/id", None);
        check(r#"{"id":1,"\u0069d":2}"#, "/id", Some("2"));
    }

    #[test]
    fn only_json_has_a_key() {
        for data in [
            "",
            "no JSON",
            r#"{"id":1"#,
            r#"{"id":1} x"#,
            r#"{"id":1,}"#,
            r#"{"id":01}"#,
            r#"{"id":1,"x":[}"#,
            r#"{"id":1}{"id":2}"#,
            "1",
            "\"id\"",
        ] {
            check(data, "/id", None);
        }
    }

    #[test]
    fn a_byte_order_mark_is_skipped() {
        check("\u{feff}{\"id\":1}", "/id", Some("1"));
        check("\u{feff}\u{feff}{\"id\":1}", "/id", None);
    }

    #[test]
    fn other_encodings() {
        // Latin-1 beside the key, in a name, and in the key itself.
        check(b"{\"x\":\"\xe9\",\"id\":1}", "/id", Some("1"));
        check(b"{\"\xe9\":0,\"id\":1}", "/id", Some("1"));
        check(b"{\"id\":\"caf\xe9\"}", "/id", Some("caf\u{fffd}"));
        // Half of a surrogate pair, escaped.
        check(r#"{"\ud800":0,"id":1}"#, "/id", Some("1"));
        check(r#"{"id":"\ud800"}"#, "/id", Some(r#""\ud800""#));
        let utf16: Vec<u8> = "{\"id\":1}"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        check(utf16, "/id", None);
    }
}
