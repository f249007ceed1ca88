//! Reads the message of a request, in either envelope. Formatting it is in `show`.

use std::borrow::Cow;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use mapping::{Envelope, Message};

use crate::message::ID_KEY;

/// The header with the topic in the raw envelope. A request without it may be in the JSON
/// envelope.
const TOPIC: &str = "message-topic";

/// The id, topic and content-type of a request.
pub(super) struct View<'a> {
    pub id: Option<Cow<'a, str>>,
    pub topic: Option<String>,
    pub content_type: Option<Cow<'a, str>>,
}

impl<'a> View<'a> {
    /// Reads them, and parses the body only if it has to.
    pub fn of(headers: &'a HeaderMap, body: &Bytes) -> Self {
        let text = |name: &str| Some(String::from_utf8_lossy(headers.get(name)?.as_bytes()));
        let content_type = text(CONTENT_TYPE.as_str());
        let topic = match headers.get(TOPIC) {
            Some(value) => {
                let headers = [(TOPIC, value.as_bytes())];
                let message = mapping::decode(Envelope::Raw, headers, &[]);
                message.ok().map(|message| message.topic)
            }
            // A value that is not plain text has a marked name, so the message is decoded.
            None => message(headers, body).map(|message| message.topic),
        };
        Self {
            id: text(ID_KEY),
            topic: topic.filter(|topic| !topic.is_empty()),
            content_type,
        }
    }
}

/// Returns the whole message, if the request has one.
pub(super) fn message(headers: &HeaderMap, body: &Bytes) -> Option<Message> {
    let headers = || {
        let pairs = headers.iter();
        pairs.map(|(name, value)| (name.as_str(), value.as_bytes()))
    };
    let raw = mapping::decode(Envelope::Raw, headers(), &[]).ok()?;
    let is_json = raw.content_type.as_deref() == Some("application/json");
    if raw.topic.is_empty() && is_json {
        let message = mapping::decode(Envelope::Json, headers(), body);
        if let Ok(message) = message {
            return Some(message);
        }
    }
    Some(Message {
        data: body.to_vec(),
        ..raw
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(request: &mapping::Request) -> HeaderMap {
        let pairs = request.headers.iter();
        pairs
            .map(|(name, value)| (name.parse().unwrap(), value.as_slice().try_into().unwrap()))
            .collect::<HeaderMap>()
    }

    #[test]
    fn both_envelopes_are_seen() {
        for (envelope, topic) in [("raw", "a.b"), ("json", "a.b"), ("raw", "ü"), ("json", "ü")] {
            let pairs = [("to.url", "http://h"), ("to.envelope", envelope)];
            let settings = mapping::Settings::from_pairs(pairs).unwrap();
            let sent = Message {
                topic: topic.into(),
                content_type: Some("text/plain".into()),
                metadata: vec![(ID_KEY.into(), "i".into())],
                data: b"data".to_vec(),
            };
            let request = mapping::encode(&settings, sent.clone());
            let (headers, body) = (headers(&request), Bytes::from(request.body));
            let view = View::of(&headers, &body);
            assert_eq!(view.topic.as_deref(), Some(topic), "{envelope}");
            assert_eq!(view.id.as_deref(), Some("i"));
            assert_eq!(message(&headers, &body), Some(sent));
        }
    }

    #[test]
    fn strangers_have_no_topic() {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, "application/json".parse().unwrap())]);
        let view = View::of(&headers, &Bytes::from_static(b"{\"a\":1}"));
        assert_eq!((view.topic, view.id), (None, None));
    }
}
