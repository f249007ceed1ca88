//! Messages as the fields of an entry: `topic`, `id`, `content-type`, `data`, and a field for each metadata entry.
//!
//! A metadata key that equals one of these names gets the prefix `metadata:`, so that any
//! metadata arrives as it was sent. An entry without `data`, as other programs may write it,
//! becomes a message whose data is a JSON object of the entry's fields. An entry without a
//! valid topic, or with too many fields for metadata, is not a message: it has a fault.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;

use super::entry::Entry;
use crate::broker::kit::decoded_message::{DecodedMessage, Fault};
use crate::broker::kit::multi_value;
use crate::message::{
    HOPS_KEY, Message, MessageId, MetadataError, MetadataSize, TopicError, check_topic,
};

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
/// The metadata of an entry that is not a message: its fields, without the data.
const RAW: &str = "redis-fields";
/// The most bytes of the fields that a dead letter keeps in its metadata.
const LONGEST_SHOWN: usize = 64 << 10;
/// The most characters of a topic that is made from the stream's key.
const LONGEST_SUBSTITUTE: usize = 128;

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

/// Why an entry is not a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FieldError {
    #[error("its field `topic` is not UTF-8")]
    NotUtf8,
    #[error("its field `topic` is invalid: {0}")]
    Topic(TopicError),
    #[error("it has no field `topic`, and the stream's key is not a topic: {0}")]
    StreamKey(TopicError),
    #[error("it has too many fields: {0}")]
    Metadata(#[from] MetadataError),
}

/// Returns the topic of an entry: its field `topic`, or `stream` for an entry without this field.
pub(super) fn topic(entry: &Entry, stream: &str) -> Result<String, FieldError> {
    let Some(topic) = value(entry, TOPIC) else {
        check_topic(stream).map_err(FieldError::StreamKey)?;
        return Ok(stream.into());
    };
    let topic = std::str::from_utf8(topic).map_err(|_| FieldError::NotUtf8)?;
    check_topic(topic).map_err(FieldError::Topic)?;
    Ok(topic.into())
}

/// Returns the only group that takes the entry, for the message of a replayed dead letter.
pub(super) fn only_for(entry: &Entry) -> Option<String> {
    value(entry, ONLY_FOR).map(lossy)
}

fn value<'a>(entry: &'a Entry, name: &str) -> Option<&'a Bytes> {
    let mut fields = entry.fields.iter();
    fields
        .find(|(field, _)| field == name)
        .map(|(_, value)| value)
}

/// Converts an entry to a message. `stream` is the key of the stream. An entry that is not a message
/// has its fields in the metadata entry `redis-fields`.
pub(super) fn decode(entry: Entry, stream: &str) -> DecodedMessage {
    let topic = topic(&entry, stream);
    let arrived = read(&entry, topic.clone().unwrap_or_else(|_| substitute(stream)));
    let size = MetadataSize::of(&arrived.message.metadata).check();
    let fault = topic.err().or_else(|| size.err().map(FieldError::from));
    match fault {
        None => arrived,
        Some(fault) => unreadable(arrived, &entry, &fault),
    }
}

/// Returns a valid topic for an entry that has none, made from the stream's key.
fn substitute(stream: &str) -> String {
    let topic: String = stream
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .take(LONGEST_SUBSTITUTE)
        .collect();
    match topic.is_empty() {
        true => "_".into(),
        false => topic,
    }
}

fn unreadable(arrived: DecodedMessage, entry: &Entry, fault: &FieldError) -> DecodedMessage {
    let mut message = arrived.message;
    message.metadata.clear();
    message.add_metadata(RAW, shown(entry));
    DecodedMessage {
        message,
        fault: Some(Fault {
            reason: fault.to_string(),
            has_topic: matches!(fault, FieldError::Metadata(_)),
        }),
        ..arrived
    }
}

/// Returns the fields without the data, in the quotes of `redis-cli`.
fn shown(entry: &Entry) -> String {
    let mut shown = String::new();
    for (field, value) in entry.fields.iter().filter(|(field, _)| field != DATA) {
        for part in [field, value] {
            if shown.len() + part.len() > LONGEST_SHOWN {
                shown.push('…');
                return shown;
            }
            shown.push_str(&format!("\"{}\" ", part.escape_ascii()));
        }
    }
    shown.truncate(shown.trim_end().len());
    shown
}

fn read(entry: &Entry, topic: String) -> DecodedMessage {
    let mut arrived = DecodedMessage {
        message: Message::new(topic, Bytes::new()),
        id: None,
        only_for: only_for(entry),
        fault: None,
    };
    let (mut data, mut hops, mut rest) = (None, 0, Vec::new());
    let mut has_topic = false;
    for (field, value) in &entry.fields {
        let field = lossy(field);
        match field.as_str() {
            TOPIC if !has_topic => has_topic = true,
            DATA if data.is_none() => data = Some(value.clone()),
            CONTENT_TYPE => arrived.message.content_type = Some(lossy(value)),
            HOPS => hops = lossy(value).parse().unwrap_or(0),
            ONLY_FOR => {}
            ID if arrived.id.is_none() => match MessageId::parse(&lossy(value)) {
                Ok(id) => arrived.id = Some(id),
                Err(_) => rest.push((field, lossy(value))),
            },
            _ => {
                let key = field.strip_prefix(ESCAPE).map(str::to_owned);
                rest.push((key.unwrap_or(field), lossy(value)));
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
    fn hops_are_counted_and_cannot_be_forged() {
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
    fn an_entry_without_a_valid_topic_has_a_fault_and_keeps_its_fields() {
        let fields = [
            ("topic", "orders..new"),
            ("id", "m-1"),
            ("x", "\n"),
            ("data", "d"),
        ];
        let arrived = decode(written(&fields), "my events");
        assert!(arrived.has_no_topic());
        let fault = arrived.fault.unwrap().reason;
        assert!(fault.contains("`topic` is invalid"), "{fault}");
        assert_eq!(arrived.message.topic, "my_events");
        assert_eq!(arrived.id.unwrap().as_str(), "m-1");
        assert_eq!(&arrived.message.data[..], b"d");
        let raw = r#""topic" "orders..new" "id" "m-1" "x" "\n""#;
        assert_eq!(arrived.message.metadata, [(RAW.into(), raw.into())]);
        let bytes = [&b"topic"[..], b"orders.\xff", b"data", b"d"].map(Bytes::from);
        let arrived = decode(entry(bytes.to_vec()), "events");
        assert_eq!(
            arrived.fault.unwrap().reason,
            FieldError::NotUtf8.to_string()
        );
        let fault = decode(written(&[("data", "d")]), "a..b")
            .fault
            .unwrap()
            .reason;
        assert!(fault.contains("the stream's key is not a topic"), "{fault}");
    }

    #[test]
    fn an_entry_with_too_many_fields_has_a_fault_unless_they_are_its_data() {
        let mut fields = vec![("topic", "orders.new"); 1];
        fields.extend([("x", "1"); 3000]);
        let arrived = decode(written(&fields), "events");
        assert_eq!(arrived.fault, None);
        fields.push(("data", "d"));
        let arrived = decode(written(&fields), "events");
        assert!(!arrived.has_no_topic());
        assert!(arrived.fault.unwrap().reason.contains("too many fields"));
        assert_eq!(arrived.message.topic, "orders.new");
        assert_eq!(arrived.message.metadata.len(), 1);
        let long = "x".repeat(LONGEST_SHOWN);
        let long = [&b"topic"[..], b"a..b", b"x", long.as_bytes()].map(Bytes::copy_from_slice);
        let shown = shown(&entry(long.to_vec()));
        assert!(shown.len() < 100 && shown.ends_with('…'), "{shown}");
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
