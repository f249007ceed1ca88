//! The key that orders messages: messages with the same key are delivered one
//! after the other, which `key_queues` and `key_worker` ensure.

mod pointer;

use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};

use sha2::{Digest, Sha256};

use crate::message::Message;

/// Where to find the key of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderKey {
    /// The message's topic.
    Topic,
    /// The metadata entry of this name.
    Metadata(String),
    /// The value at this JSON pointer (RFC 6901) into the data.
    Pointer(String),
}

/// An order by key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyOrdering {
    /// Where to find the key.
    pub by: OrderKey,
    /// What happens to a key's messages after a dead letter.
    pub after_dead_letter: AfterDeadLetter,
}

/// What happens to a key's messages after a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterDeadLetter {
    /// They are delivered.
    Skip,
    /// They wait, durably, until the dead letter is replayed or dropped.
    Block,
}

impl OrderKey {
    /// Returns the key of a message; `None` if the message has none, so that it
    /// waits for no other.
    pub(super) fn of<'a>(&self, message: &'a Message) -> Option<Cow<'a, str>> {
        let key = match self {
            Self::Topic => Some(message.topic.as_str().into()),
            Self::Metadata(name) => {
                let found = message.metadata.iter().find(|(key, _)| key == name);
                found.map(|(_, value)| value.as_str().into())
            }
            Self::Pointer(pointer) => pointer::find(&message.data, pointer),
        };
        key.map(shortened)
    }
}

/// The longest key that is kept unchanged, in bytes.
const MAX_KEY_BYTES: usize = 256;

/// Replaces the end of a long key by a digest, because the key is stored with
/// each message that waits, and shown with dead letters.
fn shortened(key: Cow<'_, str>) -> Cow<'_, str> {
    if key.len() <= MAX_KEY_BYTES {
        return key;
    }
    let prefix = &key[..key.floor_char_boundary(MAX_KEY_BYTES / 2)];
    format!("{prefix}~{:x}", Sha256::digest(key.as_bytes())).into()
}

/// The hash of a key. A collision only makes two keys wait for each other.
pub(super) type KeyHash = u64;

/// Finds keys, and hashes them.
pub(super) struct KeyHasher {
    key: OrderKey,
    hasher: RandomState,
}

impl KeyHasher {
    pub(super) fn new(key: OrderKey) -> Self {
        Self {
            key,
            hasher: RandomState::new(),
        }
    }

    /// Returns the hash of a message's key; `None` if the message has no key.
    pub(super) fn of(&self, message: &Message) -> Option<KeyHash> {
        let key = self.key.of(message)?;
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
    fn a_json_pointer_into_the_data() {
        let at = |pointer: &str| OrderKey::Pointer(pointer.into());
        let data = r#"{"customer":{"id":7},"none":null}"#;
        check(at("/customer/id"), data, Some("7"));
        check(at("/none"), data, None);
        check(at("/customer/id"), "no JSON", None);
    }

    #[test]
    fn long_keys_are_shortened_and_differ() {
        let key = |last: &str| {
            let mut message = Message::new("orders", "");
            message.add_metadata("key", "ü".repeat(1 << 20) + last);
            let key = OrderKey::Metadata("key".into()).of(&message);
            key.map(Cow::into_owned)
        };
        let (one, two) = (key("1").unwrap(), key("2").unwrap());
        assert!(one.len() <= MAX_KEY_BYTES && one.starts_with("üü"), "{one}");
        assert_ne!(one, two);
        assert_eq!(key("1"), Some(one));
    }
}
