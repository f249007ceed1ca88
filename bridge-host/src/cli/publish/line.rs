//! The lines of a batch: writes a line for plain data, and completes lines of the user.
//! Reading input stays out: `source` does it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::message::MessageId;

/// A message as a line for `/batch`, without a newline.
#[derive(Debug)]
pub(super) struct Line {
    /// The number of the line in the input, from 1 on.
    pub number: u64,
    pub text: String,
}

/// The topic, content-type and metadata of messages of plain data.
#[derive(Clone, Debug)]
pub(super) struct Template {
    pub topic: String,
    pub content_type: Option<String>,
    pub metadata: Vec<(String, String)>,
}

#[derive(Serialize)]
struct Message<'a> {
    id: &'a str,
    topic: &'a str,
    #[serde(rename = "content-type", skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    #[serde(serialize_with = "as_object")]
    metadata: &'a [(String, String)],
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_base64: Option<String>,
}

fn as_object<S: Serializer>(pairs: &&[(String, String)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(pairs.iter().map(|(key, value)| (key, value)))
}

impl Template {
    /// Returns the line for this data.
    pub fn line(&self, number: u64, id: &MessageId, data: &[u8]) -> Line {
        let content_type = self.content_type.as_deref().or_else(|| detected(data));
        // With a content-type, `data` could be read as JSON; base64 is unambiguous.
        let text = match content_type {
            None => std::str::from_utf8(data).ok().filter(|text| is_short(text)),
            Some(_) => None,
        };
        let message = Message {
            id: id.as_str(),
            topic: &self.topic,
            content_type,
            metadata: &self.metadata,
            data: text,
            data_base64: text.is_none().then(|| STANDARD.encode(data)),
        };
        let text = serde_json::to_string(&message).expect("strings and lists are always JSON");
        Line { number, text }
    }
}

/// Returns the content-type of data without one: JSON if it is an object or an array.
fn detected(data: &[u8]) -> Option<&'static str> {
    let begins = data.trim_ascii_start().first()?;
    let is_json =
        matches!(begins, b'{' | b'[') && serde_json::from_slice::<&RawValue>(data).is_ok();
    is_json.then_some("application/json")
}

/// Returns whether the text is at most as long in JSON as in base64. The longest line that
/// a bridge accepts is that of the largest message in base64.
fn is_short(text: &str) -> bool {
    let escapes: usize = text.bytes().map(escape).sum();
    text.len() + escapes <= text.len().div_ceil(3) * 4
}

/// Returns the additional bytes of this byte in a JSON string.
fn escape(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 1,
        0..0x20 => 5,
        _ => 0,
    }
}

/// The keys that are read of a line that is already a message.
#[derive(Deserialize)]
struct Known {
    id: Option<serde::de::IgnoredAny>,
    topic: Option<serde::de::IgnoredAny>,
}

/// Adds an id and a topic to a line without them. The id is generated here, so that sending
/// the line again makes no duplicate. Both are added at the end, so that columns in error
/// messages match the user's line.
pub(super) fn complete(number: u64, text: &str, topic: Option<&str>) -> Result<Line, String> {
    let known: Known = serde_json::from_str(text)
        .map_err(|error| in_line(&format!("this line is not a message: {error}")))?;
    let members = text.trim_end().strip_suffix('}');
    let members = members.ok_or("this line is not a message: it is not a JSON object")?;
    if members.trim() == "{" {
        return Err("this line has no `data`".into());
    }
    let mut line = String::with_capacity(text.len() + 64);
    line.push_str(members);
    if known.id.is_none() {
        line.push_str(&format!(",\"id\":\"{}\"", MessageId::generate()));
    }
    if let (None, Some(topic)) = (&known.topic, topic) {
        line.push_str(&format!(",\"topic\":{}", serde_json::json!(topic)));
    }
    line.push('}');
    Ok(Line { number, text: line })
}

/// Returns a reason without the line number of JSON errors, which is always 1: the
/// number in the input comes before the reason.
pub(super) fn in_line(reason: &str) -> String {
    reason.replace(" at line 1 column ", " at column ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_detected() {
        for data in ["{}", " [1, 2]\n", "{\"amount\": 250}"] {
            assert_eq!(
                detected(data.as_bytes()),
                Some("application/json"),
                "{data}"
            );
        }
        for data in ["", "7", "null", "\"text\"", "{", "{} {}", "[x]", "text"] {
            assert_eq!(detected(data.as_bytes()), None, "{data}");
        }
    }

    #[test]
    fn lines_of_data() {
        let id = MessageId::parse("i").unwrap();
        let mut template = Template {
            topic: "t".into(),
            content_type: None,
            metadata: vec![("k".into(), "v".into())],
        };
        let line = |template: &Template, data: &[u8]| template.line(1, &id, data).text;
        assert_eq!(
            line(&template, b"a\nb"),
            r#"{"id":"i","topic":"t","metadata":{"k":"v"},"data":"a\nb"}"#
        );
        assert_eq!(
            line(&template, &[0, 255]),
            r#"{"id":"i","topic":"t","metadata":{"k":"v"},"data_base64":"AP8="}"#
        );
        template.content_type = Some("application/json".into());
        assert_eq!(
            line(&template, b"{}"),
            r#"{"id":"i","topic":"t","content-type":"application/json","metadata":{"k":"v"},"data_base64":"e30="}"#
        );
    }

    #[test]
    fn text_that_escapes_make_longer_than_base64() {
        let id = MessageId::parse("i").unwrap();
        let template = Template {
            topic: "t".into(),
            content_type: None,
            metadata: Vec::new(),
        };
        let is_base64 = |text: &str| {
            let line = template.line(1, &id, text.as_bytes()).text;
            line.contains("data_base64")
        };
        for text in ["", "a\nb", "\"a\" is a word, and \\ is none", "grüße"] {
            assert!(!is_base64(text), "{text}");
        }
        for text in ["\"\"\"", "\u{1b}[31mred\u{1b}[0m", &"\0".repeat(9)] {
            assert!(is_base64(text), "{text}");
        }
        let every: String = (0..=127u8).map(char::from).collect();
        let escapes: usize = every.bytes().map(escape).sum();
        let json = serde_json::to_string(&every).unwrap();
        assert_eq!(every.len() + escapes + 2, json.len());
    }

    #[test]
    fn lines_completed() {
        let complete = |text, topic| complete(7, text, topic).map(|line| line.text);
        let whole = r#"{"id":"i","topic":"t","data":1.0}"#;
        assert_eq!(complete(whole, Some("u")).unwrap(), whole);
        assert_eq!(
            complete(r#" {"id":"i","data":""}"#, Some("u")).unwrap(),
            r#" {"id":"i","data":"","topic":"u"}"#
        );
        let line = complete(r#"{"topic":"t","data":""}"#, None).unwrap();
        assert!(
            line.starts_with(r#"{"topic":"t","data":"","id":"msg_"#),
            "{line}"
        );
        for wrong in ["", "x", "[]", "[1,2]", "{}", "{ } ", "7"] {
            assert!(complete(wrong, None).is_err(), "{wrong}");
        }
        let wrong = complete(r#"{"data":"" x}"#, None).unwrap_err();
        assert!(wrong.ends_with(" at column 12"), "{wrong}");
    }
}
