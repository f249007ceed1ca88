//! Reads the message on one line of a batch: the JSON envelope, with an `id` beside its
//! keys. Splitting a body into lines stays out: `batch` does it.

use std::fmt;

use bytes::Bytes;
use mapping::Envelope;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::reply::PublishError;
use crate::message::{Message, MessageId, MetadataSize, check_topic};

/// The keys of a line that the envelope does not read: the id, and the size of the
/// metadata, which is limited before the envelope reads it.
#[derive(Deserialize)]
struct Line {
    id: Option<String>,
    metadata: Option<CountedMetadata>,
}

/// The size of metadata that is read and dropped.
#[derive(Default)]
struct CountedMetadata(MetadataSize);

impl<'de> Deserialize<'de> for CountedMetadata {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Self::default())
    }
}

impl<'de> Visitor<'de> for CountedMetadata {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object whose values are strings")
    }

    fn visit_map<M: MapAccess<'de>>(mut self, mut map: M) -> Result<Self, M::Error> {
        while let Some((key, value)) = map.next_entry::<String, Option<String>>()? {
            if let Some(value) = value {
                self.0.add(&key, &value);
            }
        }
        Ok(self)
    }
}

/// Reads one line.
pub(super) fn read(text: &[u8]) -> Result<(Message, Option<MessageId>), PublishError> {
    let fault = |error| PublishError::bad_request(format!("this line is not a message: {error}"));
    let line: Line = serde_json::from_slice(text).map_err(fault)?;
    let id = line.id.as_deref().map(MessageId::parse).transpose();
    let id = id.map_err(PublishError::bad_request)?;
    let size = line.metadata.unwrap_or_default().0;
    size.check().map_err(PublishError::bad_request)?;
    let read = mapping::decode(Envelope::Json, [], text).map_err(PublishError::bad_request)?;
    check_topic(&read.topic).map_err(PublishError::bad_request)?;
    let mut message = Message::new(read.topic, Bytes::from(read.data));
    message.content_type = read.content_type;
    let metadata = message.set_metadata(read.metadata);
    metadata.map_err(PublishError::bad_request)?;
    Ok((message, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, content_type: Option<&str>, data: &[u8]) {
        let (message, _) = read(line.as_bytes()).unwrap();
        assert_eq!(message.topic, "t");
        assert_eq!(message.content_type.as_deref(), content_type);
        assert_eq!(message.data, data);
    }

    #[test]
    fn data_in_its_forms() {
        check(r#"{"topic":"t","data":"text"}"#, None, b"text");
        let json = Some("application/json");
        check(
            r#" {"topic":"t","data":{"n": 1.0}}"#,
            json,
            br#"{"n": 1.0}"#,
        );
        check(r#"{"data":null,"topic":"t"}"#, json, b"null");
        check(
            r#"{"topic":"t","content-type":"application/json","data":"x"}"#,
            json,
            br#""x""#,
        );
        check(
            r#"{"topic":"t","content-type":"image/png","data_base64":"AP8="}"#,
            Some("image/png"),
            &[0, 255],
        );
    }

    #[test]
    fn null_is_absent() {
        let line = r#"{"topic":"t","id":null,"content-type":null,"metadata":null,"data_base64":null,"data":{}}"#;
        check(line, Some("application/json"), b"{}");
        let line =
            r#"{"topic":"t","metadata":{"a":null,"b":"c"},"data":null,"data_base64":"eA=="}"#;
        check(line, None, b"x");
        let (message, id) = read(line.as_bytes()).unwrap();
        assert_eq!(message.metadata, [("b".to_owned(), "c".to_owned())]);
        assert_eq!(id, None);
    }

    #[test]
    fn ids_and_metadata() {
        let line = r#"{"topic":"t","id":"i","metadata":{"k":"v"},"data":""}"#;
        let (message, id) = read(line.as_bytes()).unwrap();
        assert_eq!(id.unwrap().as_str(), "i");
        assert_eq!(message.metadata, [("k".to_owned(), "v".to_owned())]);
    }

    #[test]
    fn faults() {
        for line in [
            "",
            "[]",
            "nonsense",
            "{}",
            r#"{"topic":"t"}"#,
            r#"{"topic":"","data":""}"#,
            r#"{"topic":"a..b","data":""}"#,
            r#"{"topic":"t","data":"","data_base64":""}"#,
            r#"{"topic":"t","data_base64":"%"}"#,
            r#"{"topic":"t","data":"","id":"a b"}"#,
            r#"{"topic":"t","data":"","id":7}"#,
        ] {
            assert_eq!(read(line.as_bytes()).unwrap_err().status, 400, "{line}");
        }
    }
}
