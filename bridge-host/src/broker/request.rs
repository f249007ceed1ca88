//! Requests, which are messages that are answered with messages: what is asked
//! of a broker, and the way back to whoever asked.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{BrokerError, Refusal};
use crate::message::{Message, MessageId};

/// A message that is to be replied to.
#[derive(Clone, Debug)]
pub struct Request {
    /// The message itself.
    pub message: Message,
    /// Its id.
    pub id: MessageId,
    /// Replies that take longer are not waited for.
    pub timeout: Duration,
    /// No more replies than these are waited for; one at least.
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
    /// The way back, as a reply may ask in turn.
    pub reply_to: ReplyTo,
}

/// The way back to whoever sent a message.
#[derive(Clone, Default)]
pub enum ReplyTo {
    /// There is none: its broker has no replies.
    #[default]
    Impossible,
    /// The sender did not ask for replies.
    Unwanted,
    /// The sender waits for replies.
    Wanted(Arc<dyn Asker>),
}

/// Someone who waits for replies.
#[async_trait]
pub trait Asker: Send + Sync {
    /// Sends a reply. It may be one of several; nobody may wait for it any more.
    async fn reply(&self, message: Message, id: MessageId) -> Result<(), BrokerError>;
}

impl ReplyTo {
    /// Sends a reply, where one is asked for.
    pub async fn reply(&self, message: Message, id: MessageId) -> Result<(), BrokerError> {
        match self {
            Self::Impossible => Err(Refusal::NoReplies.into()),
            Self::Unwanted => Ok(()),
            Self::Wanted(asker) => asker.reply(message, id).await,
        }
    }
}

impl fmt::Debug for ReplyTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Impossible => "Impossible",
            Self::Unwanted => "Unwanted",
            Self::Wanted(_) => "Wanted",
        })
    }
}
