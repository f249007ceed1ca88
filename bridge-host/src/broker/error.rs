//! Why a broker did not do what it was asked: the kinds of errors that callers
//! tell apart, and the refusals that all brokers share. A broker's own causes are in its folder.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::message::{MetadataError, TopicError};

/// Why a broker did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokerError {
    /// The request itself is at fault; it will never work.
    #[error("{0}")]
    Refused(Cause),
    /// The message has more bytes than the broker takes.
    #[error("{}", limit.exceeded(*size, *max))]
    TooLarge {
        /// Of this message.
        size: u64,
        /// The most there can be.
        max: u64,
        /// What is limited, and how the limit is raised.
        limit: SizeLimit,
    },
    /// No room; it may work once there is some.
    #[error("no room for more messages: {0}")]
    Full(Cause),
    /// The broker cannot be reached, or its storage failed; it may work later.
    #[error("{0}")]
    Unavailable(Cause),
    /// No answer in time.
    #[error("the broker did not answer in time")]
    Timeout,
}

impl BrokerError {
    /// Refuses a request for this cause.
    pub fn refused(cause: impl Into<Cause>) -> Self {
        Self::Refused(cause.into())
    }

    /// Has no room, for this cause.
    pub fn full(cause: impl Into<Cause>) -> Self {
        Self::Full(cause.into())
    }

    /// Cannot do it now, for this cause.
    pub fn unavailable(cause: impl Into<Cause>) -> Self {
        Self::Unavailable(cause.into())
    }
}

/// The cause of a [`BrokerError`]: an error of the room that found it. Two
/// causes with the same text are equal.
#[derive(Clone)]
pub struct Cause(Arc<dyn Error + Send + Sync>);

impl Cause {
    /// The error itself, to be downcast.
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

/// What limits the size of a message, named by the broker that sets the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeLimit {
    /// What is counted, after "a message has at most N bytes".
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
        "this broker has no requests and replies, as a connection of type \"nats\" has; publish the \
         message, and take the answer from a topic of its own"
    )]
    NoRequests,
    /// A reply to a message whose broker has none.
    #[error(
        "this message cannot be replied to: it came from no broker that has requests and \
         replies, as a connection of type \"nats\" has"
    )]
    NoReplies,
    /// Replies that have more bytes than the caller has room for.
    #[error("the replies have {bytes} bytes so far, and there is room for {room}")]
    LongReplies {
        /// Of the replies that came.
        bytes: u64,
        /// The most that there may be.
        room: u64,
    },
    /// A subscription without topics.
    #[error("subscription {0:?} has no topics: name at least one")]
    NoTopics(String),
    /// Dead letters for a broker without [`DeadLetterTopics`](super::DeadLetterTopics).
    #[error("this broker keeps nothing that is published on {0:?}")]
    NoDeadLetterTopics(String),
    /// A dead letter for a broker without [`Republish`](super::Republish).
    #[error("this broker takes no dead letters back")]
    NoRepublish,
    /// A dead letter sent back to a topic that no client is subscribed to.
    #[error("nobody listens on {0:?}")]
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
    fn a_cause_can_be_told_from_others() {
        let error = BrokerError::from(Refusal::NoRepublish);
        let BrokerError::Refused(cause) = &error else {
            panic!("{error:?}");
        };
        let refusal = cause.get().downcast_ref::<Refusal>();
        assert_eq!(refusal, Some(&Refusal::NoRepublish));
        assert_eq!(error, Refusal::NoRepublish.into());
        assert_ne!(error, Refusal::NoRequests.into());
        assert_eq!(error.to_string(), "this broker takes no dead letters back");
    }

    #[test]
    fn a_limit_says_what_is_counted_and_how_to_raise_it() {
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
