//! A message from a POST to `/topics/{topic}`: the topic from the path, the id
//! and the metadata from the headers. What the raw envelope sends is taken
//! back unchanged.

use bytes::Bytes;
use http::HeaderMap;
use mapping::Envelope;

use super::answer::Refusal;
use crate::message::{Message, MessageId, check_topic};

/// The id of the message, as webhooks have it.
const ID: &str = "webhook-id";
/// The same, as other APIs have it.
const KEY: &str = "idempotency-key";

/// Of the publisher's HTTP client and of proxies, not of the message. Those of
/// the connection itself are left out by the mapping.
const TRANSPORT: [&str; 10] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "authorization",
    "cookie",
    "forwarded",
    "user-agent",
    "via",
    "x-forwarded-for",
    "x-forwarded-proto",
];

/// The topic that the rest of a path stands for.
pub(super) fn topic(path: &str) -> Result<String, Refusal> {
    let fault = || {
        let reason = "the topic in the path is not percent-encoded UTF-8: a `%` itself is `%25`";
        Refusal::bad_request(reason)
    };
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let value = digit().and_then(|high| Some(high << 4 | digit()?));
                value
                    .and_then(|value| u8::try_from(value).ok())
                    .ok_or_else(fault)?
            }
            byte => byte,
        });
    }
    let topic = String::from_utf8(bytes).map_err(|_| fault())?;
    check_topic(&topic).map_err(Refusal::bad_request)?;
    Ok(topic)
}

/// The id that the publisher gave, if any.
pub(super) fn id(headers: &HeaderMap) -> Result<Option<MessageId>, Refusal> {
    let given = [ID, KEY]
        .into_iter()
        .find_map(|name| Some((name, headers.get(name)?)));
    let Some((name, value)) = given else {
        return Ok(None);
    };
    let fault = |reason: String| Refusal::bad_request(format!("{name}: {reason}"));
    let text = value
        .to_str()
        .map_err(|_| fault("a message id is made of visible ASCII characters".into()))?;
    let id = MessageId::parse(text).map_err(|error| fault(error.to_string()))?;
    Ok(Some(id))
}

/// All but the data.
pub(super) fn message(topic: String, headers: &HeaderMap, data: Bytes) -> Result<Message, Refusal> {
    let told = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .filter(|(name, _)| ![ID, KEY].contains(name) && !TRANSPORT.contains(name));
    let read = mapping::decode(Envelope::Raw, told, &[]).map_err(Refusal::bad_request)?;
    let mut message = Message::new(topic, data);
    message.content_type = read.content_type;
    let metadata = message.set_metadata(read.metadata);
    metadata.map_err(Refusal::bad_request)?;
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_in_paths() {
        assert_eq!(topic("orders.new").unwrap(), "orders.new");
        assert_eq!(topic("a/b%20c%2Fd.%C3%BC").unwrap(), "a/b c/d.ü");
        for path in ["", "a..b", "a%", "a%2", "a%zz", "%ff", "%00", "a.*", "%+1"] {
            assert!(topic(path).is_err(), "{path}");
        }
    }

    #[test]
    fn ids_by_either_name() {
        let of = |pairs: &[(&'static str, &str)]| {
            let headers = pairs
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            id(&HeaderMap::from_iter(headers)).map(|id| id.map(|id| id.to_string()))
        };
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&[(KEY, "k"), (ID, "w")]), Ok(Some("w".into())));
        assert_eq!(of(&[(KEY, "k")]), Ok(Some("k".into())));
        let refusal = of(&[(ID, "a b")]).unwrap_err();
        assert_eq!(refusal.status, 400);
        assert!(
            refusal.reason.starts_with("webhook-id: "),
            "{}",
            refusal.reason
        );
    }
}
