//! Reads the message of a POST to `/topics/{topic}`: the topic from the path, the id and
//! the metadata from the headers. A request that the raw envelope wrote is read back
//! unchanged.

use std::collections::HashMap;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONNECTION;
use mapping::Envelope;

use super::reply::PublishError;
use crate::message::{ID_KEY, Message, MessageId, check_topic};

/// The header for the id of a message in other APIs, beside [`ID_KEY`].
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Headers that the publisher's HTTP client and proxies add, and that are not metadata.
/// `mapping` leaves out hop-by-hop headers.
const TRANSPORT: [&str; 19] = [
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "authorization",
    "cdn-loop",
    "cookie",
    "fastly-client-ip",
    "forwarded",
    "origin",
    "referer",
    "true-client-ip",
    "user-agent",
    "via",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-forwarded-for",
    "x-real-ip",
    "x-scheme",
];
/// The prefixes of further such headers.
const TRANSPORT_PREFIXES: [&str; 4] = ["cf-", "sec-", "x-envoy-", "x-forwarded-"];

/// Headers that a request may have only once.
const SINGLE: [&str; 3] = ["content-type", ID_KEY, IDEMPOTENCY_KEY];

/// Returns the topic from the path behind `/topics/`, percent-decoded.
pub(super) fn topic(path: &str) -> Result<String, PublishError> {
    let fault = || {
        let reason = "the topic in the path is not percent-encoded UTF-8: a `%` itself is `%25`";
        PublishError::bad_request(reason)
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
    check_topic(&topic).map_err(PublishError::bad_request)?;
    Ok(topic)
}

/// Returns the id that the publisher gave, if any.
pub(super) fn id(headers: &HeaderMap) -> Result<Option<MessageId>, PublishError> {
    let given = [ID_KEY, IDEMPOTENCY_KEY]
        .into_iter()
        .find_map(|name| Some((name, headers.get(name)?)));
    let Some((name, value)) = given else {
        return Ok(None);
    };
    let fault = |reason: String| PublishError::bad_request(format!("{name}: {reason}"));
    let text = value
        .to_str()
        .map_err(|_| fault("a message id consists of visible ASCII characters".into()))?;
    let id = MessageId::parse(text).map_err(|error| fault(error.to_string()))?;
    Ok(Some(id))
}

/// Returns the message on this topic with the metadata of these headers.
pub(super) fn message(
    topic: String,
    headers: &HeaderMap,
    data: Bytes,
) -> Result<Message, PublishError> {
    let nominated = nominated(headers);
    let is_metadata = |name: &str| {
        ![ID_KEY, IDEMPOTENCY_KEY].contains(&name)
            && !TRANSPORT.contains(&name)
            && !TRANSPORT_PREFIXES.iter().any(|it| name.starts_with(it))
            && !nominated.iter().any(|it| it.eq_ignore_ascii_case(name))
    };
    let entries = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .filter(|(name, _)| is_metadata(name));
    let mut read =
        mapping::decode(Envelope::Raw, entries, &[]).map_err(PublishError::bad_request)?;
    if headers.keys_len() < headers.len() {
        refuse_conflicts(headers)?;
        join_repeated(&mut read.metadata);
    }
    let mut message = Message::new(topic, data);
    message.content_type = read.content_type;
    let metadata = message.set_metadata(read.metadata);
    metadata.map_err(PublishError::bad_request)?;
    Ok(message)
}

/// Returns the names of the headers that `Connection` lists. They are hop-by-hop headers
/// (RFC 9110, section 7.6.1).
fn nominated(headers: &HeaderMap) -> Vec<&str> {
    let values = headers.get_all(CONNECTION).iter();
    let names = values.filter_map(|value| value.to_str().ok());
    let names = names.flat_map(|names| names.split(','));
    names.map(str::trim).collect()
}

/// Refuses a request that has one of the [`SINGLE`] headers twice with different values.
fn refuse_conflicts(headers: &HeaderMap) -> Result<(), PublishError> {
    for name in SINGLE {
        let mut values = headers.get_all(name).iter();
        let first = values.next();
        if values.any(|value| Some(value) != first) {
            let reason = format!("this request has more than one `{name}` header: send one");
            return Err(PublishError::bad_request(reason));
        }
    }
    Ok(())
}

/// Joins the values of repeated headers with commas (RFC 9110, section 5.3).
fn join_repeated(metadata: &mut Vec<(String, String)>) {
    let mut positions: HashMap<String, usize> = HashMap::with_capacity(metadata.len());
    for (key, value) in std::mem::take(metadata) {
        match positions.get(&key) {
            Some(position) => {
                let known = &mut metadata[*position].1;
                known.push_str(", ");
                known.push_str(&value);
            }
            None => {
                positions.insert(key.clone(), metadata.len());
                metadata.push((key, value));
            }
        }
    }
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
        assert_eq!(
            of(&[(IDEMPOTENCY_KEY, "k"), (ID_KEY, "w")]),
            Ok(Some("w".into()))
        );
        assert_eq!(of(&[(IDEMPOTENCY_KEY, "k")]), Ok(Some("k".into())));
        let error = of(&[(ID_KEY, "a b")]).unwrap_err();
        assert_eq!(error.status, 400);
        assert!(error.reason.starts_with("webhook-id: "), "{}", error.reason);
    }

    /// The metadata that a request with these headers makes.
    fn metadata(pairs: &[(&'static str, &[u8])]) -> Result<Vec<(String, String)>, PublishError> {
        let headers = pairs.iter().map(|(name, value)| {
            let value = http::HeaderValue::from_bytes(value).unwrap();
            (name.parse().unwrap(), value)
        });
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: http::HeaderName = name;
            map.append(name, value);
        }
        message("t".into(), &map, Bytes::new()).map(|message| message.metadata)
    }

    #[track_caller]
    fn check(pairs: &[(&'static str, &str)], expected: &[(&str, &str)]) {
        let bytes: Vec<_> = pairs
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()))
            .collect();
        let expected = expected
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).into()));
        assert_eq!(metadata(&bytes), Ok(expected.collect()));
    }

    #[test]
    fn repeated_headers_are_joined() {
        check(
            &[
                ("baggage", "a=1"),
                ("x", "y"),
                ("baggage", "b=2"),
                ("tracestate", "v=1"),
                ("baggage", "c=3, d=4"),
            ],
            &[
                ("baggage", "a=1, b=2, c=3, d=4"),
                ("x", "y"),
                ("tracestate", "v=1"),
            ],
        );
        for name in SINGLE {
            let error = metadata(&[(name, b"text/plain"), (name, b"text/html")]).unwrap_err();
            assert!(error.reason.contains(name), "{}", error.reason);
            assert_eq!(
                metadata(&[(name, b"text/plain"), (name, b"text/plain")]),
                Ok(Vec::new())
            );
        }
    }

    #[test]
    fn hop_by_hop_headers_are_not_metadata() {
        check(
            &[
                ("connection", "keep-alive, X-Once"),
                ("connection", "x-twice"),
                ("x-once", "1"),
                ("x-twice", "2"),
                ("cf-ray", "3"),
                ("cdn-loop", "4"),
                ("x-forwarded-host", "5"),
                ("x-real-ip", "6"),
                ("x-request-id", "7"),
            ],
            &[("x-request-id", "7")],
        );
    }

    #[test]
    fn values_in_latin_1_are_read() {
        let found = metadata(&[("city", b"K\xf6ln"), ("town", "Zürich".as_bytes())]);
        let expected = [("city", "Köln"), ("town", "Zürich")];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(found, Ok(expected.to_vec()));
    }
}
