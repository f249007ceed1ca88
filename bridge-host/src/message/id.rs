//! The id of a message, which is the same on every attempt and after a restart. Endpoints
//! receive it as `webhook-id`.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

/// The id of a message: 1 to [`MessageId::MAX_LEN`] visible ASCII characters, so that it
/// is a legal value of an HTTP header. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(Arc<str>);

/// Why a string is not a [`MessageId`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The string is empty.
    #[error("a message id cannot be empty")]
    Empty,
    /// The string is too long; its length, in bytes.
    #[error("a message id has at most {max} characters, this one has {0}", max = MessageId::MAX_LEN)]
    TooLong(usize),
    /// The first character that is not visible ASCII.
    #[error("a message id consists of visible ASCII characters, this one has {0:?}")]
    Character(char),
}

impl MessageId {
    /// The longest id, in bytes.
    pub const MAX_LEN: usize = 256;

    /// Parses an id that a publisher or a broker gave.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        match text.chars().find(|c| !c.is_ascii_graphic()) {
            _ if text.is_empty() => Err(IdError::Empty),
            _ if text.len() > Self::MAX_LEN => Err(IdError::TooLong(text.len())),
            Some(c) => Err(IdError::Character(c)),
            None => Ok(Self(text.into())),
        }
    }

    /// Generates an id: `msg_`, the time in milliseconds, and 80 random bits. Generated ids
    /// sort by age.
    pub fn generate() -> Self {
        let millis = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis());
        let mut random = [0; 10];
        getrandom::fill(&mut random).expect("the operating system provides random bytes");
        let random = random
            .iter()
            .fold(0u128, |n, byte| n << 8 | u128::from(*byte));
        Self(format!("msg_{millis:012x}{random:020x}").into())
    }

    /// Returns an id that stands for no message, for a call that handles none.
    pub fn placeholder() -> Self {
        Self("-".into())
    }

    /// Returns the id of the `n`th message that `subscription` published while it handled
    /// this message. A repeated attempt gets the same id, another subscription a
    /// different one. If the id would be too long, a digest replaces its end.
    pub fn child(&self, subscription: &str, n: u32) -> Self {
        self.with_suffix(&format!(".{subscription}.{n}"))
    }

    /// Returns the id of a response to this message that `subscription` publishes. A
    /// repeated attempt gets the same id. `before` is the number of responses earlier in
    /// the same attempt.
    pub fn reply(&self, subscription: &str, before: usize) -> Self {
        match before {
            0 => self.with_suffix(&format!(".{subscription}.reply")),
            n => self.with_suffix(&format!(".{subscription}.reply.{}", n + 1)),
        }
    }

    /// Returns the id of the dead letter of this message in `subscription`. `at` is the
    /// time at which the message was published, in nanoseconds. A second dead letter of
    /// the same message gets the same id.
    pub fn dead_letter(&self, subscription: &str, at: u128) -> Self {
        self.with_suffix(&format!(".{subscription}.dead.{at}"))
    }

    fn with_suffix(&self, suffix: &str) -> Self {
        let whole = format!("{}{suffix}", self.0);
        if whole.len() <= Self::MAX_LEN {
            return Self(whole.into());
        }
        let digest = Sha256::digest(whole.as_bytes());
        let beginning = &self.0[..self.0.len().min(Self::MAX_LEN / 2)];
        Self(format!("{beginning}~{digest:x}").into())
    }

    /// Returns the id as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_visible_ascii() {
        assert_eq!(MessageId::parse(""), Err(IdError::Empty));
        assert_eq!(MessageId::parse("a b"), Err(IdError::Character(' ')));
        assert_eq!(
            MessageId::parse(&"x".repeat(257)),
            Err(IdError::TooLong(257))
        );
        assert_eq!(MessageId::parse("evt_1").unwrap().as_str(), "evt_1");
    }

    #[test]
    fn children_are_legal_and_differ() {
        let long = MessageId::parse(&"x".repeat(256)).unwrap();
        let (first, second) = (long.child("a", 1), long.child("a", 2));
        assert!(first != second && first != long.child("b", 1));
        assert!(first != long.reply("a", 0));
        assert_eq!(MessageId::parse(first.as_str()), Ok(first));
        let short = MessageId::parse("a").unwrap();
        assert_eq!(short.child("orders", 3).as_str(), "a.orders.3");
        assert_eq!(short.reply("orders", 0).as_str(), "a.orders.reply");
        assert_eq!(short.reply("orders", 1).as_str(), "a.orders.reply.2");
    }

    #[test]
    fn generated_ids_are_legal_and_differ() {
        let (a, b) = (MessageId::generate(), MessageId::generate());
        assert_ne!(a, b);
        assert_eq!(MessageId::parse(a.as_str()), Ok(a));
    }
}
