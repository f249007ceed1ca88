//! Turns a response into a message: the body is the data, and status and headers
//! are metadata, named as in the raw envelope. A response that is a CloudEvent
//! becomes that event.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::value::RawValue;

use super::attributes::PREFIX;
use super::raw;
use crate::Message;

/// The metadata key of the status.
const STATUS_KEY: &str = "status";
/// The header whose values cannot be joined by commas, because a value may
/// contain one (RFC 6265, section 3).
const SET_COOKIE: &str = "set-cookie";
/// The media type of a CloudEvent in structured mode.
const STRUCTURED_EVENT: &str = "application/cloudevents+json";

/// Returns the message of a response with these headers. The topic is empty,
/// because a response has none.
pub fn reply<'a>(
    status: u16,
    headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    body: Vec<u8>,
) -> Message {
    let mut message = raw::decode(headers, b"");
    message.topic.clear();
    message.data = body;
    let mut metadata = vec![(STATUS_KEY.to_owned(), status.to_string())];
    for (key, value) in std::mem::take(&mut message.metadata) {
        match metadata.iter_mut().find(|(known, _)| *known == key) {
            Some(_) if key == STATUS_KEY => {}
            // Headers may repeat; metadata keys may not.
            Some(_) if key == SET_COOKIE => metadata.push((free_key(&metadata, SET_COOKIE), value)),
            Some((_, known)) => {
                known.push_str(", ");
                known.push_str(&value);
            }
            None => metadata.push((key, value)),
        }
    }
    message.metadata = metadata;
    if is_structured(&message) {
        unpack(&mut message);
    }
    message
}

/// Returns a key for another value of the same name: `name#2`, `name#3`, as for
/// repeated NATS headers.
fn free_key(metadata: &[(String, String)], name: &str) -> String {
    let mut keys = (2..).map(|n| format!("{name}#{n}"));
    let is_free = |key: &String| metadata.iter().all(|(known, _)| known != key);
    keys.find(is_free).expect("there is no end to them")
}

fn is_structured(message: &Message) -> bool {
    let media_type = message.content_type.as_deref().unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case(STRUCTURED_EVENT)
}

/// Unpacks a structured event. A body that is not an event stays unchanged.
fn unpack(message: &mut Message) {
    let body = std::mem::take(&mut message.data);
    let event: BTreeMap<String, &RawValue> = match serde_json::from_slice(&body) {
        Ok(event) => event,
        Err(_) => return message.data = body,
    };
    let kind = event.get("datacontenttype").and_then(|kind| text(kind));
    let data = match (event.get("data_base64"), event.get("data")) {
        (Some(encoded), _) => text(encoded).and_then(|text| BASE64.decode(text).ok()),
        (None, Some(data)) => Some(event_data(data, kind.as_deref())),
        (None, None) => Some(Vec::new()),
    };
    let (Some(data), true) = (data, event.contains_key("specversion")) else {
        return message.data = body;
    };
    message.content_type = match event.contains_key("data") {
        true => kind.or_else(|| Some("application/json".into())),
        false => kind,
    };
    for (name, value) in &event {
        if !["data", "data_base64", "datacontenttype"].contains(&name.as_str())
            && let Some(value) = text(value)
        {
            message.metadata.push((format!("{PREFIX}{name}"), value));
        }
    }
    message.data = data;
}

/// Returns the data of an event: JSON as it is written, a string by its content.
fn event_data(data: &RawValue, kind: Option<&str>) -> Vec<u8> {
    let json = kind.is_none_or(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.ends_with("/json") || kind.ends_with("+json")
    });
    let said = (!json).then(|| serde_json::from_str::<String>(data.get()).ok());
    match said.flatten() {
        Some(text) => text.into_bytes(),
        None => data.get().as_bytes().to_vec(),
    }
}

/// Returns an attribute as a string; `None` for null.
fn text(value: &RawValue) -> Option<String> {
    match value.get() {
        "null" => None,
        quoted if quoted.starts_with('"') => serde_json::from_str(quoted).ok(),
        plain => Some(plain.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(headers: &[(&str, &str)], body: &str) -> Message {
        let headers = headers
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()));
        reply(201, headers, body.as_bytes().to_vec())
    }

    fn entry<'a>(message: &'a Message, key: &str) -> Option<&'a str> {
        let found = message.metadata.iter().find(|(known, _)| known == key)?;
        Some(&found.1)
    }

    #[test]
    fn a_response_is_a_message() {
        let message = made(
            &[
                ("content-type", "text/plain"),
                ("content-length", "2"),
                ("message-topic", "not.this"),
                ("order%20id*", "UTF-8''%C3%BC"),
                ("set-cookie", "a"),
                ("vary", "c"),
                ("vary", "d"),
                ("set-cookie", "b; expires=Mon, 30 Nov 2026 08:00:00 GMT"),
                ("set-cookie", "c"),
                ("status", "lies"),
            ],
            "ok",
        );
        assert_eq!(message.topic, "");
        assert_eq!(message.content_type.as_deref(), Some("text/plain"));
        assert_eq!(message.data, b"ok");
        let metadata = [
            ("status", "201"),
            ("order id", "ü"),
            ("set-cookie", "a"),
            ("vary", "c, d"),
            ("set-cookie#2", "b; expires=Mon, 30 Nov 2026 08:00:00 GMT"),
            ("set-cookie#3", "c"),
        ];
        let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(message.metadata, metadata);
    }

    #[test]
    fn an_event_in_headers() {
        let headers = [
            ("ce-specversion", "1.0"),
            ("ce-id", "7"),
            ("ce-subject", "%C3%BC%20x"),
            ("content-type", "application/json"),
        ];
        let message = made(&headers, "{}");
        assert_eq!(entry(&message, "ce-id"), Some("7"));
        assert_eq!(entry(&message, "ce-subject"), Some("ü x"));
        assert_eq!(message.data, b"{}");
        // Without a version it is not an event, so no value is decoded.
        let message = made(&headers[2..], "{}");
        assert_eq!(entry(&message, "ce-subject"), Some("%C3%BC%20x"));
    }

    #[test]
    fn an_event_in_the_body() {
        let structured = [(
            "content-type",
            "Application/CloudEvents+JSON; charset=utf-8",
        )];
        let event =
            r#"{"specversion":"1.0","id":"7","type":"t","source":"/s","n":3,"data":{"a": 1}}"#;
        let message = made(&structured, event);
        assert_eq!(message.content_type.as_deref(), Some("application/json"));
        assert_eq!(message.data, br#"{"a": 1}"#);
        assert_eq!(entry(&message, "ce-source"), Some("/s"));
        assert_eq!(entry(&message, "ce-n"), Some("3"));
        assert_eq!(entry(&message, "status"), Some("201"));

        let event =
            r#"{"specversion":"1.0","id":"7","datacontenttype":"text/plain","data":"a\nb"}"#;
        let message = made(&structured, event);
        assert_eq!(message.content_type.as_deref(), Some("text/plain"));
        assert_eq!(message.data, b"a\nb");

        let event = r#"{"specversion":"1.0","id":"7","data_base64":"AP8="}"#;
        let message = made(&structured, event);
        assert_eq!((message.content_type, message.data), (None, vec![0, 255]));
    }

    #[test]
    fn a_body_that_is_not_an_event_stays_unchanged() {
        let structured = [("content-type", "application/cloudevents+json")];
        for body in [
            "{",
            "[]",
            r#"{"id":"7"}"#,
            r#"{"specversion":"1.0","data_base64":"?"}"#,
        ] {
            let message = made(&structured, body);
            assert_eq!(message.data, body.as_bytes());
            assert_eq!(message.content_type.as_deref(), Some(structured[0].1));
            assert_eq!(message.metadata.len(), 1);
        }
    }
}
