//! The config keys for order by key: `order_key` and `on_dead_letter`.
//! `delivery/order` finds the key of a message.

use serde_json::json;
use toml::de::DeValue;

use crate::delivery::order::{AfterDeadLetter, OrderKey};
use crate::schema::{
    Declaration, Group, Kind, Rejection, SettingValue, Shape, Shown, Value, Words, quote, text,
};
use crate::settings;

/// The forms of `order_key`, for error messages.
pub(super) const ORDER_HELP: &str =
    "order_key = \"topic\", { metadata = \"tenant\" } or { pointer = \"/customer/id\" }";

const METADATA: Declaration<String> = text(&Shape {
    name: "name of a metadata entry",
    pattern: None,
    check: |name| match name.is_empty() {
        true => Err("`metadata` is empty".into()),
        false => Ok(()),
    },
    help: ORDER_HELP,
});

const POINTER: Declaration<String> = text(&Shape {
    name: "JSON pointer",
    pattern: Some("^/"),
    check: check_pointer,
    help: "a JSON pointer begins with / and names keys or places in lists: \"/customer/id\", \"/items/0\"; ~1 is a slash in a key, ~0 a tilde",
});

settings! {
    /// A key that is in the message itself: one of these.
    #[derive(Clone, Debug)]
    pub struct InMessage in "`order_key`" {
        /// The value of this metadata entry.
        metadata: Option<String> = METADATA.optional("none");
        /// What is at this place of the data, which is JSON.
        pointer: Option<String> = POINTER.optional("none");
    }
}

/// The kind of the setting `order_key`.
pub(super) const KEY: Declaration<OrderKey> = Declaration::kind(Kind::Either(
    &Kind::Choice(|| vec!["topic"]),
    &Kind::Table(InMessage::TABLE),
));

impl SettingValue for OrderKey {
    fn from_value(value: &Value<'_>, _: &Kind) -> Option<Self> {
        match value.value {
            DeValue::String(_) => return value.one_of(&[("topic", Self::Topic)]),
            DeValue::Table(_) => {}
            _ => {
                value.wrong_kind("\"topic\" or a table", ORDER_HELP);
                return None;
            }
        }
        let mut section = value.section("`order_key`")?;
        let key = InMessage::read(&mut section)?;
        let (name, pointer) = (section.peek("metadata"), section.peek("pointer"));
        section.finish();
        match (name, pointer) {
            (Some(_), Some(pointer)) => {
                let what = "`order_key` has both `metadata` and `pointer`";
                pointer.fault(what, "keep one of them");
                None
            }
            (None, None) => {
                value.fault("`order_key` names nothing", ORDER_HELP);
                None
            }
            (Some(_), None) => key.metadata.map(Self::Metadata),
            (None, Some(_)) => key.pointer.map(Self::Pointer),
        }
    }

    fn show(&self) -> Shown {
        match self {
            Self::Topic => "topic".into(),
            Self::Metadata(name) => json!({ "metadata": name }),
            Self::Pointer(pointer) => json!({ "pointer": pointer }),
        }
    }
}

impl Words for AfterDeadLetter {
    const WORDS: &'static [(&'static str, Self)] = &[("skip", Self::Skip), ("block", Self::Block)];
}

fn check_pointer(pointer: &str) -> Result<(), Rejection> {
    let escapes = |part: &str| part.starts_with('0') || part.starts_with('1');
    match pointer.starts_with('/') && pointer.split('~').skip(1).all(escapes) {
        true => Ok(()),
        false => Err(format!("{} is no JSON pointer", quote(pointer)).into()),
    }
}
