//! Parses Redis replies: entries of a stream, strings, numbers and lists.
//! The meaning of an entry's fields is in `fields`.

use bytes::Bytes;
use redis::Value;

use super::entry_id::EntryId;

/// An entry of a stream, with its fields in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: EntryId,
    pub(super) fields: Vec<(Bytes, Bytes)>,
}

impl Entry {
    /// Parses an entry. `None` for an entry that was removed while it was pending.
    pub(super) fn of(value: Value) -> Option<Self> {
        let mut parts = list(value).into_iter();
        let id = EntryId::parse(&text(&parts.next()?)?)?;
        Some(Self {
            id,
            fields: pairs(parts.next().filter(|it| *it != Value::Nil)?),
        })
    }
}

/// Returns the entries in a reply of XREAD or XREADGROUP for one stream.
pub(super) fn of_one_stream(value: Value) -> Vec<Entry> {
    let stream = list(value).into_iter().next();
    let entries = stream.and_then(|stream| list(stream).into_iter().nth(1));
    let entries = entries.map(list).unwrap_or_default();
    entries.into_iter().filter_map(Entry::of).collect()
}

/// Returns pairs of field and value from a reply that lists them alternately.
pub(super) fn pairs(value: Value) -> Vec<(Bytes, Bytes)> {
    let mut all = list(value).into_iter().map(bytes);
    let mut pairs = Vec::new();
    while let (Some(field), Some(value)) = (all.next(), all.next()) {
        pairs.push((field, value));
    }
    pairs
}

/// Returns the value of this name in a reply that lists names and values alternately.
pub(super) fn named(value: &Value, name: &str) -> Option<Value> {
    let Value::Array(all) = value else {
        return None;
    };
    let found = all
        .chunks_exact(2)
        .find(|pair| text(&pair[0]).as_deref() == Some(name));
    found.map(|pair| pair[1].clone())
}

/// Returns the items of a list; no items for any other reply.
pub(super) fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        _ => Vec::new(),
    }
}

/// Returns a string or a number as a string.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::SimpleString(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Returns a number, which Redis may send as a string.
pub(super) fn number(value: &Value) -> Option<u64> {
    text(value)?.parse().ok()
}

fn bytes(value: Value) -> Bytes {
    match value {
        Value::BulkString(bytes) => bytes.into(),
        other => text(&other).unwrap_or_default().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    fn array(items: &[Value]) -> Value {
        Value::Array(items.to_vec())
    }

    #[test]
    fn entries_are_read_and_removed_ones_left_out() {
        let fields = array(&[bulk("a"), bulk("1"), bulk("a"), bulk("2")]);
        let whole = array(&[bulk("5-1"), fields]);
        let removed = array(&[bulk("5-2"), Value::Nil]);
        let reply = array(&[array(&[bulk("events"), array(&[whole, removed])])]);
        let entries = of_one_stream(reply);
        assert_eq!(entries.len(), 1);
        let pair = |value: &'static str| (Bytes::from("a"), Bytes::from(value));
        assert_eq!(entries[0].fields, [pair("1"), pair("2")]);
        assert!(of_one_stream(Value::Nil).is_empty());
    }

    #[test]
    fn named_values_are_found() {
        let reply = array(&[bulk("name"), bulk("orders"), bulk("lag"), Value::Int(3)]);
        assert_eq!(named(&reply, "lag").as_ref().and_then(number), Some(3));
        assert_eq!(named(&reply, "other"), None);
    }
}
