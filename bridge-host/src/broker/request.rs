//! Requests and replies: a request to a broker, and how replies reach the requester.
//!
//! `abilities` has the trait of brokers that support them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{BrokerError, Refusal};
use crate::message::{Message, MessageId};

/// A message that expects replies.
#[derive(Clone, Debug)]
pub struct Request {
    /// The message itself.
    pub message: Message,
    /// Its id.
    pub id: MessageId,
    /// The longest time to wait for replies.
    pub timeout: Duration,
    /// The most replies to wait for; at least 1.
    pub most: u32,
    /// The most bytes that all replies together may have.
    pub most_bytes: u64,
}

/// A message that came as a reply.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The message itself.
    pub message: Message,
    /// Its id.
    pub id: MessageId,
    /// The way for replies to this reply.
    pub reply_to: ReplyTo,
}

/// The way for replies back to the sender of a message.
#[derive(Clone, Default)]
pub enum ReplyTo {
    /// The broker does not support replies.
    #[default]
    Unsupported,
    /// The sender did not ask for replies.
    NotRequested,
    /// The sender waits for replies.
    Requested(Arc<dyn Requester>),
}

/// A requester that waits for replies.
#[async_trait]
pub trait Requester: Send + Sync {
    /// Sends a reply, possibly one of several. The requester may no longer wait for it.
    async fn reply(&self, message: Message, id: MessageId) -> Result<(), BrokerError>;
}

impl ReplyTo {
    /// Sends a reply if the sender asked for one.
    pub async fn reply(&self, message: Message, id: MessageId) -> Result<(), BrokerError> {
        match self {
            Self::Unsupported => Err(Refusal::NoReplies.into()),
            Self::NotRequested => Ok(()),
            Self::Requested(asker) => asker.reply(message, id).await,
        }
    }
}

impl fmt::Debug for ReplyTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unsupported => "Unsupported",
            Self::NotRequested => "NotRequested",
            Self::Requested(_) => "Requested",
        })
    }
}
