//! Redis replies taken apart: entries of a stream, texts, numbers and lists.
//! What the fields of an entry mean is `fields`.

use bytes::Bytes;
use redis::Value;

use super::entry_id::EntryId;

/// An entry of a stream, its fields in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: EntryId,
    pub(super) fields: Vec<(Bytes, Bytes)>,
}

impl Entry {
    /// `None` for an entry that was removed while it was pending.
    pub(super) fn of(value: Value) -> Option<Self> {
        let mut parts = list(value).into_iter();
        let id = EntryId::parse(&text(&parts.next()?)?)?;
        Some(Self {
            id,
            fields: pairs(parts.next().filter(|it| *it != Value::Nil)?),
        })
    }
}

/// Returns the entries that XREAD or XREADGROUP gave of one stream.
pub(super) fn of_one_stream(value: Value) -> Vec<Entry> {
    let stream = list(value).into_iter().next();
    let entries = stream.and_then(|stream| list(stream).into_iter().nth(1));
    let entries = entries.map(list).unwrap_or_default();
    entries.into_iter().filter_map(Entry::of).collect()
}

/// Returns field and value, where a reply has one after the other.
pub(super) fn pairs(value: Value) -> Vec<(Bytes, Bytes)> {
    let mut all = list(value).into_iter().map(bytes);
    let mut pairs = Vec::new();
    while let (Some(field), Some(value)) = (all.next(), all.next()) {
        pairs.push((field, value));
    }
    pairs
}

/// Returns the value of this name in a reply that has names and values in turn.
pub(super) fn named(value: &Value, name: &str) -> Option<Value> {
    let Value::Array(all) = value else {
        return None;
    };
    let found = all
        .chunks_exact(2)
        .find(|pair| text(&pair[0]).as_deref() == Some(name));
    found.map(|pair| pair[1].clone())
}

/// Returns the items of a list; of anything else, none.
pub(super) fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        _ => Vec::new(),
    }
}

/// Returns a text or a number as a text.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::SimpleString(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Returns a number, which may come as a text.
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
