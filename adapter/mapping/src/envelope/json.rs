//! The json envelope: one object that contains the whole message. The content
//! type alone decides whether `data` is JSON or text: see
//! docs/reference/envelopes.md.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{DecodeError, is_static};
use crate::settings::Settings;
use crate::{Header, Message, header};

/// The media type of JSON.
const JSON: &str = "application/json";

/// Metadata that is also sent as headers, where tracing tools look for it.
const TRACE_HEADERS: [&str; 3] = ["traceparent", "tracestate", "baggage"];

/// Media types of text that do not begin with `text/`.
const TEXT_MEDIA_TYPES: [&str; 5] = [
    "application/javascript",
    "application/x-ndjson",
    "application/x-www-form-urlencoded",
    "application/xml",
    "application/yaml",
];

/// Returns the content type and the body, and adds the other headers to
/// `headers`.
pub fn encode(
    settings: &Settings,
    message: Message,
    headers: &mut Vec<Header>,
) -> (String, Vec<u8>) {
    let mut body = Vec::with_capacity(message.data.len() + message.data.len() / 2 + 256);
    body.extend_from_slice(b"{\"topic\":");
    add_text(&mut body, &message.topic);
    if let Some(content_type) = &message.content_type {
        body.extend_from_slice(b",\"content-type\":");
        add_text(&mut body, content_type);
    }
    body.extend_from_slice(b",\"metadata\":{");
    let mut comma = false;
    for (key, value) in message.metadata {
        if key == header::ID {
            header::add_value(headers, key, value);
            continue;
        }
        if comma {
            body.push(b',');
        }
        comma = true;
        add_text(&mut body, &key);
        body.push(b':');
        add_text(&mut body, &value);
        add_trace(settings, headers, &key, value);
    }
    body.push(b'}');
    add_data(&mut body, message.content_type.as_deref(), &message.data);
    body.push(b'}');
    (JSON.into(), body)
}

/// Adds a header of trace context, whatever the case of its key. If two keys
/// differ only in case, the first one counts.
fn add_trace(settings: &Settings, headers: &mut Vec<Header>, key: &str, value: String) {
    let Some(name) = TRACE_HEADERS
        .iter()
        .find(|name| name.eq_ignore_ascii_case(key))
    else {
        return;
    };
    let is_there = headers.iter().any(|(known, _)| known == name);
    if !is_there && !is_static(settings, name) && header::is_legal_value(&value) {
        headers.push(((*name).into(), value.into_bytes()));
    }
}

fn add_data(body: &mut Vec<u8>, content_type: Option<&str>, data: &[u8]) {
    let kind = DataKind::of(content_type);
    if kind == DataKind::Json && serde_json::from_slice::<&RawValue>(data).is_ok() {
        body.extend_from_slice(b",\"data\":");
        body.extend_from_slice(data);
        return;
    }
    match std::str::from_utf8(data) {
        Ok(text) if kind == DataKind::Text => {
            body.extend_from_slice(b",\"data\":");
            add_text(body, text);
        }
        _ => {
            body.extend_from_slice(b",\"data_base64\":\"");
            add_base64(body, data);
            body.push(b'"');
        }
    }
}

fn add_text(body: &mut Vec<u8>, text: &str) {
    // No `expect` here and below: its message would add 10 KB to the component.
    let written = serde_json::to_writer(body, text);
    debug_assert!(written.is_ok(), "text is always written to memory");
}

fn add_base64(body: &mut Vec<u8>, data: &[u8]) {
    let start = body.len();
    body.resize(start + data.len().div_ceil(3) * 4, 0);
    let written = BASE64.encode_slice(data, &mut body[start..]);
    debug_assert!(
        written.is_ok(),
        "there is room for four bytes for every three"
    );
}

/// The kind of `data`, by its content type.
#[derive(Clone, Copy, PartialEq, Eq)]
enum DataKind {
    Json,
    Text,
    Bytes,
}

impl DataKind {
    fn of(content_type: Option<&str>) -> Self {
        let Some(content_type) = content_type else {
            return Self::Text;
        };
        let lower = content_type.to_ascii_lowercase();
        let (essence, parameters) = lower.split_once(';').unwrap_or((&lower, ""));
        let essence = essence.trim_end();
        let utf8 = parameters.replace(['"', ' '], "");
        if matches!(essence, "application/json" | "text/json") || essence.ends_with("+json") {
            Self::Json
        } else if essence.starts_with("text/")
            || essence.ends_with("+xml")
            || TEXT_MEDIA_TYPES.contains(&essence)
            || utf8.split(';').any(|p| p == "charset=utf-8")
        {
            Self::Text
        } else {
            Self::Bytes
        }
    }
}

#[derive(Deserialize)]
struct Body<'a> {
    topic: String,
    #[serde(rename = "content-type")]
    content_type: Option<String>,
    metadata: Option<Pairs>,
    #[serde(borrow, default, deserialize_with = "null_is_some")]
    data: Option<&'a RawValue>,
    data_base64: Option<String>,
}

/// Reads `null` as data like any other JSON, so that only an absent member is
/// `None`.
fn null_is_some<'a, D: Deserializer<'a>>(from: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

/// Returns the message from the headers and the body.
pub fn decode<'a>(
    headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    body: &[u8],
) -> Result<Message, DecodeError> {
    let read: Body = serde_json::from_slice(body)?;
    // An object, an array or a number is always JSON, whatever the content type.
    let is_json = |data: &&RawValue| !data.get().starts_with('"');
    let data = read
        .data
        .filter(|data| data.get() != "null" || read.data_base64.is_none());
    let content_type = match data.as_ref().is_some_and(is_json) {
        true => read.content_type.or_else(|| Some(JSON.into())),
        false => read.content_type,
    };
    let data = match (data, read.data_base64) {
        (Some(data), None) if DataKind::of(content_type.as_deref()) == DataKind::Json => {
            with_white_space(body, data).to_vec()
        }
        (Some(text), None) => serde_json::from_str::<String>(text.get())?.into_bytes(),
        (None, Some(encoded)) => BASE64.decode(encoded)?,
        _ => {
            let fault = "it must have one of `data` and `data_base64`";
            return Err(serde_json::Error::custom(fault).into());
        }
    };
    let mut metadata = read.metadata.unwrap_or_default().0;
    for (name, value) in headers {
        if let (header::ID, id) = header::read_value(&name.to_ascii_lowercase(), value) {
            metadata.push((header::ID.into(), id));
        }
    }
    Ok(Message {
        topic: read.topic,
        content_type,
        metadata,
        data,
    })
}

/// Returns the value with the white space around it. A publisher may have signed
/// the white space, and a JSON parser drops it.
fn with_white_space<'a>(body: &'a [u8], value: &'a RawValue) -> &'a [u8] {
    let start = value.get().as_ptr().addr() - body.as_ptr().addr();
    let (before, rest) = body.split_at(start);
    let after = &rest[value.get().len()..];
    let is_edge = |b: &&u8| b" \t\r\n".contains(*b);
    let left = before.iter().rev().take_while(is_edge).count();
    let right = after.iter().take_while(is_edge).count();
    &body[start - left..start + value.get().len() + right]
}

/// The members of an object, in order.
#[derive(Default)]
struct Pairs(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Pairs;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object whose values are strings")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Pairs, M::Error> {
                let mut pairs = Pairs::default();
                while let Some((key, value)) = map.next_entry::<_, Option<_>>()? {
                    pairs.0.extend(value.map(|value| (key, value)));
                }
                Ok(pairs)
            }
        }
        from.deserialize_map(Members)
    }
}
