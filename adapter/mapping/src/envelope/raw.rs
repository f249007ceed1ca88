//! The raw envelope: the body is the data, and topic, content type and metadata
//! are headers.

use std::collections::HashMap;

use super::{attributes, is_static, portable};
use crate::settings::{HeaderNames, Settings};
use crate::{Header, Message, header};

/// The media type of data without a content type.
const DEFAULT_MEDIA_TYPE: &str = "application/octet-stream";

/// Returns the content type and the body, and adds the other headers to
/// `headers`.
pub fn encode(
    settings: &Settings,
    message: Message,
    headers: &mut Vec<Header>,
) -> (String, Vec<u8>) {
    let mut carrier = HeaderWriter::new(settings, &message.metadata, headers);
    carrier.add(header::TOPIC.into(), message.topic);
    carrier.add_metadata(message.metadata);
    carrier.finish();
    let content_type = message
        .content_type
        .unwrap_or_else(|| DEFAULT_MEDIA_TYPE.into());
    (content_type, message.data)
}

/// Writes metadata entries to headers.
struct HeaderWriter<'a> {
    settings: &'a Settings,
    headers: &'a mut Vec<Header>,
    /// Whether the message is a CloudEvent in binary mode.
    is_event: bool,
    /// The names with upper-case letters.
    keys: String,
    /// The entries that share one header.
    more: Vec<u8>,
}

impl<'a> HeaderWriter<'a> {
    fn new(
        settings: &'a Settings,
        metadata: &[(String, String)],
        headers: &'a mut Vec<Header>,
    ) -> Self {
        let mut keys = metadata.iter().map(|(key, _)| key);
        Self {
            is_event: is_static(settings, attributes::VERSION)
                || keys.any(|key| key.eq_ignore_ascii_case(attributes::VERSION)),
            settings,
            headers,
            keys: String::new(),
            more: Vec::new(),
        }
    }

    fn add_metadata(&mut self, metadata: Vec<(String, String)>) {
        let taken = |name: &str| header::is_reserved(name) || is_static(self.settings, name);
        // Without upper-case letters, different keys have different names.
        let alike = metadata.iter().any(|(key, _)| has_upper(key));
        for (key, value) in metadata {
            if key == header::ID {
                header::add_value(self.headers, key, value);
                continue;
            }
            let mut name = header::to_name(key, taken);
            if alike && has_header(self.headers, &name) {
                name = header::to_escaped_name(&header::to_key(&name));
            }
            self.add(name, value);
        }
    }

    /// Adds an entry under a name that keeps its case.
    fn add(&mut self, mut name: String, value: String) {
        let is_attribute = self.is_event
            && name
                .get(..attributes::PREFIX.len())
                .is_some_and(|it| it.eq_ignore_ascii_case(attributes::PREFIX));
        let is_portable =
            portable::is_portable(&name) && (is_attribute || header::is_legal_value(&value));
        if self.settings.header_names == HeaderNames::Portable && !is_portable {
            return portable::add(&mut self.more, &name, &value);
        }
        if has_upper(&name) {
            if !self.keys.is_empty() {
                self.keys.push_str(", ");
            }
            self.keys.push_str(&name);
            name.make_ascii_lowercase();
        }
        match is_attribute {
            true => self.headers.push((name, attributes::encode(&value))),
            false => header::add_value(self.headers, name, value),
        }
    }

    fn finish(self) {
        if !self.keys.is_empty() {
            self.headers
                .push((header::KEYS.into(), self.keys.into_bytes()));
        }
        if !self.more.is_empty() {
            self.headers.push((header::MORE.into(), self.more));
        }
    }
}

fn has_upper(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_uppercase())
}

fn has_header(headers: &[Header], name: &str) -> bool {
    let names = headers
        .iter()
        .map(|(known, _)| known.strip_suffix('*').unwrap_or(known));
    names
        .into_iter()
        .any(|known| known.eq_ignore_ascii_case(name))
}

/// Returns the message from the headers and the body.
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
    let is_event = headers.iter().any(|(name, _)| name == attributes::VERSION);
    for (name, value) in &headers {
        if is_event && name.starts_with(attributes::PREFIX) {
            let spelled = keys.get(name).unwrap_or(name);
            let entry = (header::to_key(spelled), attributes::decode(value));
            message.metadata.push(entry);
            continue;
        }
        match header::read_value(name, value) {
            (header::TOPIC, text) => message.topic = text,
            (header::CONTENT_TYPE, text) => message.content_type = Some(text),
            (header::KEYS, _) => {}
            (header::MORE, _) => message.add_more(value),
            (name, _) if header::is_ignored(name) => {}
            (name, text) => {
                let spelled = keys.get(name);
                let key = header::to_key(spelled.map_or(name, String::as_str));
                message.metadata.push((key, text));
            }
        }
    }
    message
}

impl Message {
    /// Adds the entries that share one header.
    fn add_more(&mut self, list: &[u8]) {
        for (name, value) in portable::read(list) {
            match name.as_str() {
                header::TOPIC => self.topic = value,
                _ => self.metadata.push((header::to_key(&name), value)),
            }
        }
    }
}

/// Reads the keys with upper-case letters; the last one comes first.
fn read_keys(value: &[u8]) -> Vec<String> {
    let list = String::from_utf8_lossy(value);
    list.rsplit(',').map(|key| key.trim().to_owned()).collect()
}
