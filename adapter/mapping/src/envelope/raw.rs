//! The raw envelope: data is the body as it is, topic, content-type and
//! metadata are headers.

use std::collections::HashMap;

use super::is_static;
use crate::settings::Settings;
use crate::{Header, Message, header};

/// The media type of data of which nothing is known.
const UNKNOWN: &str = "application/octet-stream";

/// Content-type and body; the other headers are added to `headers`.
pub fn encode(
    settings: &Settings,
    message: Message,
    headers: &mut Vec<Header>,
) -> (String, Vec<u8>) {
    header::add_value(headers, header::TOPIC.into(), message.topic);
    add_metadata(settings, message.metadata, headers);
    let content_type = message.content_type.unwrap_or_else(|| UNKNOWN.into());
    (content_type, message.data)
}

fn add_metadata(settings: &Settings, metadata: Vec<(String, String)>, headers: &mut Vec<Header>) {
    let taken = |name: &str| header::is_reserved(name) || is_static(settings, name);
    // Without upper-case letters, different keys have different names.
    let alike = metadata.iter().any(|(key, _)| has_upper(key));
    let mut keys = String::new();
    for (key, value) in metadata {
        if key == header::ID {
            header::add_value(headers, key, value);
            continue;
        }
        let mut name = header::to_name(key, taken);
        if alike && is_there(headers, &name) {
            name = header::to_unlike_name(&header::to_key(&name));
        }
        if has_upper(&name) {
            if !keys.is_empty() {
                keys.push_str(", ");
            }
            keys.push_str(&name);
            name.make_ascii_lowercase();
        }
        header::add_value(headers, name, value);
    }
    if !keys.is_empty() {
        headers.push((header::KEYS.into(), keys.into_bytes()));
    }
}

fn has_upper(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_uppercase())
}

fn is_there(headers: &[Header], name: &str) -> bool {
    let names = headers
        .iter()
        .map(|(known, _)| known.strip_suffix('*').unwrap_or(known));
    names
        .into_iter()
        .any(|known| known.eq_ignore_ascii_case(name))
}

/// The message, from all that was received.
pub fn decode<'a>(headers: impl IntoIterator<Item = (&'a str, &'a [u8])>, body: &[u8]) -> Message {
    let headers: Vec<(String, &[u8])> = headers
        .into_iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect();
    let keys: HashMap<String, String> = headers
        .iter()
        .rev()
        .filter(|(name, _)| name == header::KEYS)
        .flat_map(|(_, value)| read_keys(value))
        .map(|key| (key.to_ascii_lowercase(), key))
        .collect();
    let mut message = Message {
        data: body.into(),
        ..Message::default()
    };
    for (name, value) in &headers {
        match header::read_value(name, value) {
            (header::TOPIC, text) => message.topic = text,
            (header::CONTENT_TYPE, text) => message.content_type = Some(text),
            (header::KEYS, _) => {}
            (name, _) if header::is_unheard(name) => {}
            (name, text) => {
                let spelled = keys.get(name);
                let key = header::to_key(spelled.map_or(name, String::as_str));
                message.metadata.push((key, text));
            }
        }
    }
    message
}

/// The last one first.
fn read_keys(value: &[u8]) -> Vec<String> {
    let list = String::from_utf8_lossy(value);
    list.rsplit(',').map(|key| key.trim().to_owned()).collect()
}
