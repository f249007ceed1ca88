//! The identity of a message: the same on every attempt and after a restart,
//! sent to endpoints as `webhook-id`.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

/// 1 to [`MessageId::MAX_LEN`] visible ASCII characters, so that it can stand
/// in an HTTP header as it is. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(Arc<str>);

/// Why a text is no [`MessageId`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing there.
    #[error("a message id cannot be empty")]
    Empty,
    /// Its length, in bytes.
    #[error("a message id has at most {max} characters, this one has {0}", max = MessageId::MAX_LEN)]
    TooLong(usize),
    /// The first character that is not visible ASCII.
    #[error("a message id is made of visible ASCII characters, this one has {0:?}")]
    Character(char),
}

impl MessageId {
    /// The longest id, in bytes.
    pub const MAX_LEN: usize = 256;

    /// Checks and takes an id that a publisher or a broker gave.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        match text.chars().find(|c| !c.is_ascii_graphic()) {
            _ if text.is_empty() => Err(IdError::Empty),
            _ if text.len() > Self::MAX_LEN => Err(IdError::TooLong(text.len())),
            Some(c) => Err(IdError::Character(c)),
            None => Ok(Self(text.into())),
        }
    }

    /// A new id: `msg_`, the time in milliseconds, and 80 random bits, so that
    /// ids sort by age.
    pub fn generate() -> Self {
        let millis = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis());
        let mut random = [0; 10];
        getrandom::fill(&mut random).expect("the operating system gives random bytes");
        let random = random
            .iter()
            .fold(0u128, |n, byte| n << 8 | u128::from(*byte));
        Self(format!("msg_{millis:012x}{random:020x}").into())
    }

    /// The id of nothing: for places that have a message only at times.
    pub fn idle() -> Self {
        Self("-".into())
    }

    /// The id of the `n`th message that `maker` made while it handled this
    /// one: a repeated attempt repeats it, and no other maker has it. Where
    /// that would be too long, a digest stands for the end of this one.
    pub fn child(&self, maker: &str, n: u32) -> Self {
        self.with_end(&format!(".{maker}.{n}"))
    }

    /// The id of the message that is the response to this one which `maker`
    /// received: a repeated attempt repeats it. `before` counts those received
    /// earlier in the same attempt.
    pub fn reply(&self, maker: &str, before: usize) -> Self {
        match before {
            0 => self.with_end(&format!(".{maker}.reply")),
            n => self.with_end(&format!(".{maker}.reply.{}", n + 1)),
        }
    }

    /// The id of the dead letter that `subscription` made of this one, as it
    /// was published `at`, in nanoseconds: made once more, it is the same.
    pub fn dead_letter(&self, subscription: &str, at: u128) -> Self {
        self.with_end(&format!(".{subscription}.dead.{at}"))
    }

    fn with_end(&self, end: &str) -> Self {
        let whole = format!("{}{end}", self.0);
        if whole.len() <= Self::MAX_LEN {
            return Self(whole.into());
        }
        let digest = Sha256::digest(whole.as_bytes());
        let begins = &self.0[..self.0.len().min(Self::MAX_LEN / 2)];
        Self(format!("{begins}~{digest:x}").into())
    }

    /// The text of it.
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
