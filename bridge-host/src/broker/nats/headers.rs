//! Messages as NATS headers: content-type, id and metadata.
//!
//! A repeated header becomes one metadata entry for each value: `name`, `name#2`, `name#3`; these
//! become one header again. Metadata that no NATS header can hold, or that has a meaning for the
//! server (`Nats-…`), is in the header `Bridge-Metadata`. So any metadata arrives unchanged.

use async_nats::header::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::header::{CONTENT_TYPE, free, header};
use crate::broker::kit::decoded_message::DecodedMessage;
use crate::broker::kit::multi_value::{self, Folded};
use crate::message::{HOPS_KEY, Message, MessageId};

pub(super) const MESSAGE_ID: &str = "Nats-Msg-Id";
/// The header with [`EncodedMetadata`] as JSON in Base64.
const METADATA: &str = "Bridge-Metadata";
/// The headers of a replayed dead letter: the only group that takes the message, and the message's
/// id. `Nats-Msg-Id` is the id of this publication.
const ONLY_FOR: &str = "Bridge-Replay-For";
const ID: &str = "Bridge-Id";
/// The hop count, which other brokers keep in the metadata.
const HOPS: &str = "Bridge-Hops";

/// Adds a header that is not from the bridge. Further values get numbered keys.
fn take<'a>(arrived: &mut DecodedMessage, name: &str, mut values: impl Iterator<Item = &'a str>) {
    let message = &mut arrived.message;
    if name == MESSAGE_ID {
        let first = values.next().unwrap_or_default();
        arrived.id = MessageId::parse(first).ok();
        if arrived.id.is_none() {
            message.metadata.push((name.into(), first.into()));
        }
    } else if message.content_type.is_none() && name.eq_ignore_ascii_case(CONTENT_TYPE) {
        message.content_type = values.next().map(str::to_owned);
    }
    for (number, value) in (1..).zip(values) {
        let key = multi_value::key(name, number);
        message.metadata.push((key, value.to_owned()));
    }
}

/// Returns the headers of a message.
pub(super) fn encode(message: &Message, id: Option<&MessageId>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(id) = id {
        headers.insert(MESSAGE_ID, id.as_str());
    }
    let mut others = EncodedMetadata::default();
    if let Some(content_type) = &message.content_type {
        match header(CONTENT_TYPE, content_type) {
            Some((name, value)) => headers.insert(name, value),
            None => others.content_type = Some(content_type.clone()),
        }
    }
    let value = |key: &str, value: &str| free(key, value).map(|(_, value)| value);
    let mut folded = Folded::of(&message.metadata, value);
    for (key, value) in &message.metadata {
        if folded.further.contains(key.as_str()) {
            continue;
        }
        if key == HOPS_KEY {
            headers.insert(HOPS, value.as_str());
            continue;
        }
        match free(key, value) {
            Some((name, value)) => {
                headers.append(name.clone(), value);
                for value in folded.values.remove(key.as_str()).into_iter().flatten() {
                    headers.append(name.clone(), value);
                }
            }
            None => others.metadata.push((key.clone(), value.clone())),
        }
    }
    if others != EncodedMetadata::default() {
        let json = serde_json::to_vec(&others).unwrap_or_default();
        headers.insert(METADATA, URL_SAFE_NO_PAD.encode(json));
    }
    headers
}

/// Returns the size of the headers on the wire, in bytes.
pub(super) fn size(headers: &HeaderMap) -> usize {
    const FRAME: usize = "NATS/1.0\r\n\r\n".len();
    let values = |(name, values): (&HeaderName, &Vec<HeaderValue>)| {
        let name: &str = name.as_ref();
        let lines = values.iter().map(|value| name.len() + value.as_str().len());
        lines.map(|line| line + ": \r\n".len()).sum::<usize>()
    };
    FRAME + headers.iter().map(values).sum::<usize>()
}

/// Returns the headers of a replayed dead letter.
pub(super) fn encode_replay(
    message: &Message,
    id: &MessageId,
    group: &str,
    once: &MessageId,
) -> HeaderMap {
    let mut headers = encode(message, Some(once));
    headers.insert(ID, id.as_str());
    headers.insert(ONLY_FOR, group);
    headers
}

/// Decodes a message with this topic and these headers.
pub(super) fn decode(
    topic: &str,
    data: bytes::Bytes,
    headers: Option<&HeaderMap>,
) -> DecodedMessage {
    let mut arrived = DecodedMessage {
        message: Message::new(topic, data),
        id: None,
        only_for: None,
        fault: None,
    };
    let Some(headers) = headers else {
        return arrived;
    };
    let mut ours = BridgeHeaders::default();
    arrived.message.metadata.reserve(headers.len());
    for (name, values) in headers.iter() {
        let (name, values) = (name.as_ref(), values.iter().map(HeaderValue::as_str));
        if !ours.take(name, values.clone()) {
            take(&mut arrived, name, values);
        }
    }
    let message = &mut arrived.message;
    // The client returns headers in a random order. Sorting makes the order stable.
    message.metadata.sort();
    for (key, value) in ours.others.metadata {
        message.add_metadata(key, value);
    }
    message.set_hops(ours.hops);
    message.content_type = message.content_type.take().or(ours.others.content_type);
    arrived.only_for = ours.only_for;
    arrived.id = ours.id.or(arrived.id);
    arrived
}

/// The values of the bridge's own headers.
#[derive(Default)]
struct BridgeHeaders {
    others: EncodedMetadata,
    only_for: Option<String>,
    id: Option<MessageId>,
    hops: u32,
}

impl BridgeHeaders {
    /// Reads one of the bridge's own headers. Returns `false` for any other header.
    fn take<'a>(&mut self, name: &str, mut values: impl Iterator<Item = &'a str>) -> bool {
        match name {
            METADATA => {
                self.others = values
                    .next()
                    .and_then(EncodedMetadata::read)
                    .unwrap_or_default()
            }
            ONLY_FOR => self.only_for = values.next().map(str::to_owned),
            HOPS => self.hops = values.next().and_then(|it| it.parse().ok()).unwrap_or(0),
            ID => self.id = values.next().and_then(|text| MessageId::parse(text).ok()),
            _ => return false,
        }
        true
    }
}

/// Metadata that no header can hold.
#[derive(Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct EncodedMetadata {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    metadata: Vec<(String, String)>,
}

impl EncodedMetadata {
    fn read(text: &str) -> Option<Self> {
        let json = URL_SAFE_NO_PAD.decode(text).ok()?;
        serde_json::from_slice(&json).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_map;
    use proptest::prelude::*;

    use super::*;

    fn sent(content_type: Option<&str>, metadata: &[(&str, &str)]) -> Message {
        let mut message = Message::new("t", "x");
        message.content_type = content_type.map(str::to_owned);
        for (key, value) in metadata {
            message.add_metadata(*key, *value);
        }
        message
    }

    #[track_caller]
    fn round_trip(message: &Message) {
        let headers = encode(message, None);
        let mut back = decode("t", "x".into(), Some(&headers)).message;
        let mut message = message.clone();
        message.metadata.sort();
        back.metadata.sort();
        assert_eq!(back, message);
    }

    #[test]
    fn any_metadata_arrives_as_it_was_sent() {
        round_trip(&sent(None, &[]));
        round_trip(&sent(Some("text/plain; charset=utf-8"), &[("a", "1")]));
        round_trip(&sent(
            Some(" odd\n"),
            &[("ä ö", "x"), ("a:b", ""), ("", "e")],
        ));
        round_trip(&sent(
            None,
            &[("x", " padded "), ("y", "two\r\nlines"), ("z", "日本")],
        ));
        round_trip(&sent(None, &[("Nats-Rollup", "all"), ("nats-msg-id", "i")]));
        round_trip(&sent(
            None,
            &[("content-type", "mine"), ("Bridge-Metadata", "x")],
        ));
        round_trip(&sent(
            None,
            &[("Bridge-Replay-For", "x"), ("bridge-id", "y")],
        ));
        round_trip(&sent(
            None,
            &[("a", "1"), ("a#2", "2"), ("b#2", "3"), ("c#x", "4")],
        ));
    }

    proptest! {
        #[test]
        fn metadata_that_looks_repeated_arrives_as_it_was_sent(
            metadata in btree_map(
                "(a|b|a#2|Content-Type|Nats-X)(#(0?[0-9]|1[0-2]|[+]2))?",
                "x|y| padded",
                0..24,
            ).prop_map(|all| all.into_iter().collect::<Vec<_>>()).prop_shuffle(),
        ) {
            let mut message = Message::new("t", "x");
            message.metadata = metadata;
            round_trip(&message);
        }
    }

    #[test]
    fn hops_are_counted_and_cannot_be_forged() {
        let message = sent(None, &[("a", "1")]).one_hop_after(6);
        round_trip(&message);
        let mut headers = encode(&message, None);
        assert_eq!(headers.get(HOPS).map(HeaderValue::as_str), Some("7"));
        // A program may set the metadata key as a header.
        headers.insert(HOPS_KEY, "0");
        assert_eq!(decode("t", "x".into(), Some(&headers)).message.hops(), 7);
    }

    #[test]
    fn many_values_keep_their_order() {
        let mut headers = HeaderMap::new();
        for n in 1..=12 {
            headers.append("X-Tag", n.to_string());
        }
        let message = decode("t", "x".into(), Some(&headers)).message;
        assert_eq!(encode(&message, None), headers);
    }

    #[test]
    fn repeated_headers_are_kept_apart_and_put_together() {
        let mut headers = HeaderMap::new();
        for value in ["1", "2", "3"] {
            headers.append("X-Tag", value);
        }
        let message = decode("t", "x".into(), Some(&headers)).message;
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(
            message.metadata,
            [
                pair("X-Tag", "1"),
                pair("X-Tag#2", "2"),
                pair("X-Tag#3", "3")
            ]
        );
        assert_eq!(encode(&message, None), headers);
    }

    #[test]
    fn metadata_cannot_command_the_server() {
        let headers = encode(&sent(None, &[("Nats-Rollup", "all")]), None);
        assert!(headers.get("Nats-Rollup").is_none(), "{headers:?}");
    }

    #[test]
    fn ids() {
        let id = MessageId::parse("i-1").unwrap();
        let headers = encode(&sent(None, &[]), Some(&id));
        assert_eq!(decode("t", "x".into(), Some(&headers)).id, Some(id));
        let mut headers = HeaderMap::new();
        headers.insert(MESSAGE_ID, "not an id");
        let arrived = decode("t", "x".into(), Some(&headers));
        assert_eq!((arrived.id, arrived.message.metadata.len()), (None, 1));
    }

    #[test]
    fn a_replay_is_for_one_group_and_keeps_its_id() {
        let [id, once] = ["m-1", "letter-7"].map(|id| MessageId::parse(id).unwrap());
        let message = sent(None, &[("a", "1")]);
        let headers = encode_replay(&message, &id, "orders", &once);
        let server = headers.get(MESSAGE_ID).map(HeaderValue::as_str);
        assert_eq!(server, Some("letter-7"));
        let arrived = decode("t", "x".into(), Some(&headers));
        assert!(!arrived.is_for_others("orders") && arrived.is_for_others("audit"));
        assert_eq!((arrived.message, arrived.id), (message, Some(id)));
    }
}
