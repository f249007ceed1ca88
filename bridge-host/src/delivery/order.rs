//! Which messages are delivered one after the other: those that share a key.
//! What is done about it is `lanes` and `in_order`.

mod pointer;

use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};

use sha2::{Digest, Sha256};

use crate::message::Message;

/// Where the key of a message is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderKey {
    /// Its topic.
    Topic,
    /// The metadata of this name.
    Metadata(String),
    /// This place in its data, which is JSON: a JSON pointer (RFC 6901).
    Pointer(String),
}

/// An order by key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What messages share that are delivered one after the other.
    pub by: OrderKey,
    /// What becomes of those behind a message that was given up.
    pub after_dead_letter: AfterDeadLetter,
}

/// What becomes of those behind a message that was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterDeadLetter {
    /// They go on.
    Skip,
    /// They wait, durably, until the letter is replayed or dropped.
    Block,
}

impl OrderKey {
    /// The key of a message; `None` for one that is on its own.
    pub(super) fn of<'a>(&self, message: &'a Message) -> Option<Cow<'a, str>> {
        let key = match self {
            Self::Topic => Some(message.topic.as_str().into()),
            Self::Metadata(name) => {
                let found = message.metadata.iter().find(|(key, _)| key == name);
                found.map(|(_, value)| value.as_str().into())
            }
            Self::Pointer(pointer) => pointer::find(&message.data, pointer),
        };
        key.map(bounded)
    }
}

/// The longest key that is kept as it is, in bytes.
const LONGEST: usize = 256;

/// A digest stands for the end of a long key: it is kept with each message
/// that waits, and shown with dead letters.
fn bounded(key: Cow<'_, str>) -> Cow<'_, str> {
    if key.len() <= LONGEST {
        return key;
    }
    let begins = &key[..key.floor_char_boundary(LONGEST / 2)];
    format!("{begins}~{:x}", Sha256::digest(key.as_bytes())).into()
}

/// A key as it is kept: two that are taken for one only wait for each other.
pub(super) type Key = u64;

/// Finds keys, and makes all of them the same small size.
pub(super) struct Keys {
    from: OrderKey,
    hasher: RandomState,
}

impl Keys {
    pub(super) fn new(from: OrderKey) -> Self {
        Self {
            from,
            hasher: RandomState::new(),
        }
    }

    /// The key of a message; `None` for one that is on its own.
    pub(super) fn of(&self, message: &Message) -> Option<Key> {
        let key = self.from.of(message)?;
        Some(self.hasher.hash_one(&*key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(data: &'static str) -> Message {
        let mut message = Message::new("orders.new", data);
        message.add_metadata("tenant", "acme");
        message
    }

    #[track_caller]
    fn check(key: OrderKey, data: &'static str, expected: Option<&str>) {
        assert_eq!(key.of(&message(data)).as_deref(), expected, "{key:?}");
    }

    #[test]
    fn topic_and_metadata() {
        check(OrderKey::Topic, "", Some("orders.new"));
        check(OrderKey::Metadata("tenant".into()), "", Some("acme"));
        check(OrderKey::Metadata("Tenant".into()), "", None);
    }

    #[test]
    fn a_place_in_the_data() {
        let at = |pointer: &str| OrderKey::Pointer(pointer.into());
        let data = r#"{"customer":{"id":7},"none":null}"#;
        check(at("/customer/id"), data, Some("7"));
        check(at("/none"), data, None);
        check(at("/customer/id"), "no JSON", None);
    }

    #[test]
    fn long_keys_are_short_and_differ() {
        let key = |last: &str| {
            let mut message = Message::new("orders", "");
            message.add_metadata("key", "ü".repeat(1 << 20) + last);
            let key = OrderKey::Metadata("key".into()).of(&message);
            key.map(Cow::into_owned)
        };
        let (one, two) = (key("1").unwrap(), key("2").unwrap());
        assert!(one.len() <= LONGEST && one.starts_with("üü"), "{one}");
        assert_ne!(one, two);
        assert_eq!(key("1"), Some(one));
    }
}
