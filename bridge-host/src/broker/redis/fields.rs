//! Messages as the fields of an entry: `topic`, `id`, `content-type`, `data`, and a field for each metadata entry.
//!
//! A metadata key that equals one of these names gets the prefix `metadata:`, so that any
//! metadata arrives as it was sent. An entry without `data`, as other programs may write it,
//! becomes a message whose data is a JSON object of the entry's fields.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;

use super::entry::Entry;
use crate::broker::kit::arrived::Arrived;
use crate::broker::kit::multi_value;
use crate::message::{HOPS_KEY, Message, MessageId, check_topic};

const TOPIC: &str = "topic";
const ID: &str = "id";
const CONTENT_TYPE: &str = "content-type";
const DATA: &str = "data";
/// The hop count, which the host keeps in the metadata of a message.
const HOPS: &str = "hops";
/// The only group that takes the message of a replayed dead letter.
const ONLY_FOR: &str = "replay-for";
const RESERVED: [&str; 6] = [TOPIC, ID, CONTENT_TYPE, DATA, HOPS, ONLY_FOR];
/// The prefix of metadata keys that would otherwise equal one of these names.
const ESCAPE: &str = "metadata:";

/// Returns the fields of a message: names and values alternately.
pub(super) fn encode(message: &Message, id: &MessageId, only_for: Option<&str>) -> Vec<Bytes> {
    let mut fields: Vec<Bytes> = Vec::with_capacity(2 * message.metadata.len() + 8);
    let mut add = |field: String, value: Bytes| fields.extend([Bytes::from(field), value]);
    add(TOPIC.into(), message.topic.clone().into());
    add(ID.into(), id.as_str().to_owned().into());
    if let Some(content_type) = &message.content_type {
        add(CONTENT_TYPE.into(), content_type.clone().into());
    }
    if let Some(group) = only_for {
        add(ONLY_FOR.into(), group.to_owned().into());
    }
    for (key, value) in &message.metadata {
        let field = match key.as_str() {
            HOPS_KEY => HOPS.to_owned(),
            key if RESERVED.contains(&key) || key.starts_with(ESCAPE) => format!("{ESCAPE}{key}"),
            key => key.to_owned(),
        };
        add(field, value.clone().into());
    }
    add(DATA.into(), message.data.clone());
    fields
}

/// Returns the topic of an entry, or `stream` for an entry without a topic.
pub(super) fn topic(entry: &Entry, stream: &str) -> String {
    let mut fields = entry.fields.iter();
    let topic = fields.find(|(field, _)| field == TOPIC);
    let topic = topic.map(|(_, value)| lossy(value));
    topic
        .filter(|topic| check_topic(topic).is_ok())
        .unwrap_or_else(|| stream.into())
}

/// Converts an entry to a message. `stream` is the key of the stream.
pub(super) fn decode(entry: Entry, stream: &str) -> Arrived {
    let mut arrived = Arrived {
        message: Message::new(topic(&entry, stream), Bytes::new()),
        id: None,
        only_for: None,
    };
    let mut data = None;
    let mut hops = 0;
    let mut rest = Vec::new();
    for (field, value) in entry.fields {
        let field = lossy(&field);
        match field.as_str() {
            TOPIC if arrived.message.topic == lossy(&value) => {}
            DATA if data.is_none() => data = Some(value),
            CONTENT_TYPE => arrived.message.content_type = Some(lossy(&value)),
            HOPS => hops = lossy(&value).parse().unwrap_or(0),
            ONLY_FOR => arrived.only_for = Some(lossy(&value)),
            ID if arrived.id.is_none() => match MessageId::parse(&lossy(&value)) {
                Ok(id) => arrived.id = Some(id),
                Err(_) => rest.push((field, lossy(&value))),
            },
            _ => {
                let key = field.strip_prefix(ESCAPE).map(str::to_owned);
                rest.push((key.unwrap_or(field), lossy(&value)));
            }
        }
    }
    let message = &mut arrived.message;
    match data {
        Some(data) => {
            message.data = data;
            message.metadata = numbered(rest);
        }
        None => {
            message.data = json(rest);
            message
                .content_type
                .get_or_insert("application/json".into());
        }
    }
    message.set_hops(hops);
    arrived
}

/// Gives each value of a repeated field its own metadata key.
fn numbered(fields: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut used = HashSet::new();
    let mut next: HashMap<String, _> = HashMap::new();
    let mut all = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        // Where the last one ended: thousands of values take no longer each.
        let next = next.entry(name.clone()).or_insert(1);
        let key = loop {
            let key = multi_value::key(&name, *next);
            *next += 1;
            if used.insert(key.clone()) {
                break key;
            }
        };
        all.push((key, value));
    }
    all
}

fn json(fields: Vec<(String, String)>) -> Bytes {
    let fields = numbered(fields).into_iter();
    let object = fields.map(|(key, value)| (key, serde_json::Value::String(value)));
    let object = serde_json::Value::Object(object.collect());
    object.to_string().into()
}

fn lossy(bytes: &Bytes) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_map;
    use proptest::prelude::*;

    use super::super::entry_id::EntryId;
    use super::*;

    fn entry(fields: Vec<Bytes>) -> Entry {
        let mut fields = fields.into_iter();
        let mut pairs = Vec::new();
        while let (Some(field), Some(value)) = (fields.next(), fields.next()) {
            pairs.push((field, value));
        }
        Entry {
            id: EntryId::default(),
            fields: pairs,
        }
    }

    fn written(fields: &[(&'static str, &'static str)]) -> Entry {
        let pair =
            |(field, value): &(&'static str, &'static str)| [*field, *value].map(Bytes::from);
        entry(fields.iter().flat_map(pair).collect())
    }

    #[track_caller]
    fn round_trip(message: &Message) {
        let id = MessageId::parse("m-1").unwrap();
        let arrived = decode(entry(encode(message, &id, Some("orders"))), "events");
        assert_eq!(arrived.message, *message);
        assert_eq!(arrived.id, Some(id));
        assert!(arrived.is_for_others("audit") && !arrived.is_for_others("orders"));
    }

    proptest! {
        #[test]
        fn any_metadata_arrives_as_it_was_sent(
            metadata in btree_map(
                "(topic|data|id|metadata:|metadata:id|x|x#2|hops|replay-for|content-type| ä\n)(#2)?",
                "x|y| padded|\r\n|",
                0..12,
            ),
            content_type in proptest::option::of("text/plain| odd\n"),
        ) {
            let mut message = Message::new("orders.new", vec![0, 159, 146, 150]);
            message.metadata = metadata.into_iter().collect();
            message.content_type = content_type;
            round_trip(&message);
        }
    }

    #[test]
    fn hops_are_counted_on_and_forged_by_nobody() {
        let message = Message::new("t", "x").one_hop_after(6);
        round_trip(&message);
        let forged = written(&[("topic", "t"), ("data", "x"), ("metadata:hops", "0")]);
        assert_eq!(decode(forged, "events").message.hops(), 0);
        let forged = written(&[("data", "x"), ("bridge-hops", "0"), ("hops", "7")]);
        assert_eq!(decode(forged, "events").message.hops(), 7);
    }

    #[test]
    fn repeated_fields_are_kept_apart() {
        let fields = [("data", "x"), ("a", "1"), ("a#2", "2"), ("a", "3")];
        let message = decode(written(&fields), "events").message;
        assert_eq!(message.topic, "events");
        let keys: Vec<_> = message
            .metadata
            .iter()
            .map(|(key, _)| key.as_str())
            .collect();
        assert_eq!(keys.len(), 3);
        assert!(keys.contains(&"a") && keys.contains(&"a#2"), "{keys:?}");
        let unique: std::collections::HashSet<_> = keys.iter().collect();
        assert_eq!(unique.len(), 3, "{keys:?}");
    }

    #[test]
    fn an_entry_of_another_program_is_the_json_of_its_fields() {
        let fields = [
            ("topic", "orders.new"),
            ("amount", "250"),
            ("id", "not an id"),
        ];
        let message = decode(written(&fields), "events").message;
        assert_eq!(message.topic, "orders.new");
        assert_eq!(message.content_type.as_deref(), Some("application/json"));
        assert_eq!(&message.data[..], br#"{"amount":"250","id":"not an id"}"#);
        assert!(message.metadata.is_empty());
    }
}
