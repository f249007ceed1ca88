//! The outcome of one call: its result, its exchanges and the messages that it sent. Plain data,
//! which `delivery` evaluates.

use std::sync::Arc;
use std::time::Duration;

use crate::broker::ReplyTo;
use crate::guest::limits::host_resources::ResourceExcess;
use crate::message::{Message, MessageId};
use crate::trouble::Shortage;

/// One attempt: a message, and what a component needs to handle it.
#[derive(Clone, Debug)]
pub struct Call {
    /// The message.
    pub message: Arc<Message>,
    /// The id of the message, sent to endpoints as `webhook-id`.
    pub id: MessageId,
    /// Where replies to the message go.
    pub reply_to: ReplyTo,
    /// The time limit, counted from the moment when an instance is available.
    pub timeout: Duration,
}

/// Everything that `delivery` needs to know of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What `handle` returned, or why it did not return.
    pub result: CallResult,
    /// The exchanges, in the order in which they began.
    pub exchanges: Vec<ExchangeRecord>,
    /// How many messages the component sent through `wasi:messaging/producer`.
    pub sent: u32,
    /// Whether the component's effects may be invisible to the host. If so, an attempt without an
    /// exchange and without a sent message does not mean that the message was filtered.
    pub has_hidden_effects: bool,
    /// The endpoint's responses that are published as messages. Empty unless the result is ok.
    pub replies: Vec<Reply>,
    /// Why the endpoint did not process one of the requests. Independent of the result.
    pub unprocessed: Option<Unprocessed>,
}

/// Why a request does not count as an attempt: the endpoint did not process it, and has not failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unprocessed {
    /// A resource of this machine has run out.
    Shortage(Shortage),
    /// The endpoint refused the request before it processed it, as HTTP/2 can tell.
    Refused,
}

impl Outcome {
    /// Returns why the attempt does not count. If the component returned ok and one of its
    /// exchanges had a response, the attempt counts.
    pub fn hindered(&self) -> Option<Unprocessed> {
        let mut exchanges = self.exchanges.iter();
        let done = self.result == CallResult::Ok && exchanges.any(|it| it.result.is_ok());
        let lack = match &self.result {
            CallResult::Failed(failure) => failure.lack(),
            _ => None,
        };
        let unprocessed = lack.map(Unprocessed::Shortage).or(self.unprocessed);
        unprocessed.filter(|_| !done)
    }

    /// Returns why the last exchange had no response.
    pub fn cause(&self) -> Option<&str> {
        let error = self.exchanges.last()?.result.as_ref().err()?;
        (error != ExchangeRecord::NOT_ANSWERED).then_some(error)
    }
}

/// A response of the endpoint, converted to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The message, on the configured topic.
    pub message: Message,
    /// The id of the message, which is the same on each attempt.
    pub id: MessageId,
}

/// What a call of `handle` returned, or why it did not return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallResult {
    /// It returned ok.
    Ok,
    /// It returned `error.timeout`.
    Timeout,
    /// It returned `error.connection`.
    Connection(String),
    /// It returned `error.other`.
    Other(String),
    /// It did not return. Its instance was dropped.
    Failed(Failure),
}

/// Why a component did not return.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It trapped.
    #[error("the component trapped: {message}")]
    Trap {
        /// The engine's error.
        message: String,
        /// The frames, innermost first.
        backtrace: Option<String>,
    },
    /// It did not return within the time limit.
    #[error("the component did not return within {0:?}")]
    OutOfTime(Duration),
    /// It used more CPU time than one call may.
    #[error("the component used more than {0:?} of CPU time in one call")]
    OutOfCpuTime(Duration),
    /// It needed more memory than its limit, in bytes.
    #[error("the component needed more than {0} bytes of memory (`limits.memory`)")]
    OutOfMemory(u64),
    /// It exceeded another limit.
    #[error("the component had {0}")]
    Excess(ResourceExcess),
    /// It could not be instantiated.
    #[error("the component could not be started: {0}")]
    Start(String),
    /// This machine lacks a resource that an instance needs.
    #[error("the component could not be started: {0}")]
    Shortage(Shortage),
    /// It is an HTTP handler that returned without setting a response.
    #[error("the component returned before it set a response")]
    NoResponse,
    /// It is an HTTP handler that returned before it finished the body of its response.
    #[error("the component returned before it finished the body of its response")]
    Unfinished,
    /// It failed after it had written to its standard error.
    #[error("{failure}; its last lines on stderr: {stderr}")]
    WithStderr {
        /// The failure.
        failure: Box<Failure>,
        /// The last lines, separated by ` | `.
        stderr: String,
    },
    /// The HTTP handler that the component's request was passed to failed.
    #[error("in the HTTP handler: {0}")]
    InHandler(Box<Failure>),
}

impl Failure {
    /// Returns what this machine lacked.
    pub fn lack(&self) -> Option<Shortage> {
        match self {
            Self::Shortage(lack) => Some(*lack),
            Self::InHandler(failure) | Self::WithStderr { failure, .. } => failure.lack(),
            _ => None,
        }
    }

    /// Returns the backtrace of a trap.
    pub fn backtrace(&self) -> Option<&str> {
        match self {
            Self::Trap { backtrace, .. } => backtrace.as_deref(),
            Self::InHandler(failure) | Self::WithStderr { failure, .. } => failure.backtrace(),
            _ => None,
        }
    }

    /// Adds the last lines that the component wrote to its standard error.
    pub(crate) fn with_stderr(self, lines: Option<String>) -> Self {
        match lines {
            Some(stderr) => Self::WithStderr {
                failure: Box::new(self),
                stderr,
            },
            None => self,
        }
    }
}

impl From<Failure> for CallResult {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        CallResult::from(failure).into()
    }
}

impl From<CallResult> for Outcome {
    /// Returns the outcome of an attempt of which only the result is known.
    fn from(result: CallResult) -> Self {
        Self {
            result,
            exchanges: Vec::new(),
            sent: 0,
            has_hidden_effects: false,
            replies: Vec::new(),
            unprocessed: None,
        }
    }
}

impl ExchangeRecord {
    /// The error of an exchange that has not ended.
    pub const NOT_ANSWERED: &str = "not answered";
}

/// One HTTP request of a component, and the response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeRecord {
    /// The status of the response, or why there is none.
    pub result: Result<u16, String>,
    /// The wait that the response's `Retry-After` asks for, counted from its arrival.
    pub retry_after: Option<Duration>,
    /// The time from the request to the head of the response.
    pub took: Duration,
}
