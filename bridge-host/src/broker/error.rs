//! The errors of brokers: the kinds of errors that callers distinguish, and the
//! refusals that all brokers share. Each broker's own causes are in its folder.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::message::{MetadataError, TopicError};

/// Why an operation of a broker failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokerError {
    /// The request itself is invalid: it will never succeed.
    #[error("{0}")]
    Refused(Cause),
    /// The message has more bytes than the broker accepts.
    #[error("{}", limit.exceeded(*size, *max))]
    TooLarge {
        /// The size of this message.
        size: u64,
        /// The largest size that the broker accepts.
        max: u64,
        /// What the limit counts, and how to raise it.
        limit: SizeLimit,
    },
    /// The broker has no room: a retry may succeed later.
    #[error("no room for more messages: {0}")]
    Full(Cause),
    /// The broker is unreachable, or its storage failed: a retry may succeed later.
    #[error("{0}")]
    Unavailable(Cause),
    /// The broker did not answer in time.
    #[error("the broker did not answer in time")]
    Timeout,
}

impl BrokerError {
    /// Returns the error of a result if it is a refusal. All other errors are temporary: callers that
    /// wait for an unavailable server ignore them.
    pub fn only_refusal(result: Result<(), Self>) -> Result<(), Self> {
        match result {
            Err(refused @ Self::Refused(_)) => Err(refused),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Returns a refusal with this cause.
    pub fn refused(cause: impl Into<Cause>) -> Self {
        Self::Refused(cause.into())
    }

    /// Returns a lack of room with this cause.
    pub fn full(cause: impl Into<Cause>) -> Self {
        Self::Full(cause.into())
    }

    /// Returns an unavailability with this cause.
    pub fn unavailable(cause: impl Into<Cause>) -> Self {
        Self::Unavailable(cause.into())
    }
}

/// The cause of a [`BrokerError`]: an error of the room that found it. Two
/// causes with the same text are equal.
#[derive(Clone)]
pub struct Cause(Arc<dyn Error + Send + Sync>);

impl Cause {
    /// Returns the error itself, which callers can downcast.
    pub fn get(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Cause {
    fn from(error: E) -> Self {
        Self(Arc::new(error))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl PartialEq for Cause {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for Cause {}

/// Why a broker cannot be opened: the error of its kind of broker.
#[derive(Debug)]
pub struct OpenError(Box<dyn Error + Send + Sync>);

impl OpenError {
    /// Wraps the error of a kind of broker.
    pub fn new(error: impl Error + Send + Sync + 'static) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for OpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// What limits the size of a message, named by the broker that sets the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeLimit {
    /// What the limit counts, as text after "a message has at most N bytes".
    pub counted: &'static str,
    /// How to raise the limit.
    pub remedy: &'static str,
}

impl SizeLimit {
    fn exceeded(self, size: u64, max: u64) -> String {
        let Self { counted, remedy } = self;
        format!(
            "a message has at most {max} bytes{counted} here, this one has {size}: {remedy}, or send a reference to the data"
        )
    }
}

/// Refusals that all brokers have in common.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A request to a broker without [`RequestReply`](super::RequestReply).
    #[error(
        "this broker does not support requests: publish the message, and subscribe to a topic for \
         the answer"
    )]
    NoRequests,
    /// A reply to a message of a broker without replies.
    #[error(
        "this message cannot be answered, because its broker does not support replies: publish \
         the answer on a topic"
    )]
    NoReplies,
    /// Replies with more bytes than the caller has room for.
    #[error("the replies have {bytes} bytes so far, and there is room for {room}")]
    LongReplies {
        /// The size of the replies so far.
        bytes: u64,
        /// The most bytes that the replies may have.
        room: u64,
    },
    /// A subscription without topics.
    #[error("subscription {0:?} has no topics: name at least one")]
    NoTopics(String),
    /// Dead letters for a broker without [`DeadLetterTopics`](super::DeadLetterTopics).
    #[error("this broker cannot keep dead letters on the topic {0:?}")]
    NoDeadLetterTopics(String),
    /// A dead letter for a broker without [`Republish`](super::Republish).
    #[error("this broker cannot publish the message of a dead letter for one group")]
    NoRepublish,
    /// A dead letter sent back to a topic that no client is subscribed to.
    #[error("no client subscribes to {0:?}")]
    NobodyListens(String),
}

impl From<Refusal> for BrokerError {
    fn from(refusal: Refusal) -> Self {
        Self::refused(refusal)
    }
}

impl From<TopicError> for BrokerError {
    fn from(error: TopicError) -> Self {
        Self::refused(error)
    }
}

impl From<MetadataError> for BrokerError {
    fn from(error: MetadataError) -> Self {
        Self::refused(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_can_be_downcast() {
        let error = BrokerError::from(Refusal::NoRepublish);
        let BrokerError::Refused(cause) = &error else {
            panic!("{error:?}");
        };
        let refusal = cause.get().downcast_ref::<Refusal>();
        assert_eq!(refusal, Some(&Refusal::NoRepublish));
        assert_eq!(error, Refusal::NoRepublish.into());
        assert_ne!(error, Refusal::NoRequests.into());
        assert_eq!(
            error.to_string(),
            "this broker cannot publish the message of a dead letter for one group"
        );
    }

    #[test]
    fn a_size_limit_says_what_it_counts_and_how_to_raise_it() {
        let error = BrokerError::TooLarge {
            size: 2000,
            max: 1000,
            limit: SizeLimit {
                counted: " of data",
                remedy: "raise `max`",
            },
        };
        assert_eq!(
            error.to_string(),
            "a message has at most 1000 bytes of data here, this one has 2000: raise `max`, or send a reference to the data"
        );
    }
}
