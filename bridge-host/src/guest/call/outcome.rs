//! What a call of a component showed: its result, and the exchanges and
//! messages that it made on the way. Plain data; `delivery` judges it.

use std::sync::Arc;
use std::time::Duration;

use crate::broker::ReplyTo;
use crate::guest::limits::held::Excess;
use crate::message::{Message, MessageId};
use crate::trouble::Shortage;

/// One attempt: the message for a component's `handle`.
#[derive(Clone, Debug)]
pub struct Call {
    /// The message itself.
    pub message: Arc<Message>,
    /// Sent to endpoints as `webhook-id`.
    pub id: MessageId,
    /// Where replies to it go.
    pub reply_to: ReplyTo,
    /// The component is stopped after this time.
    pub timeout: Duration,
}

/// All that an attempt showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What `handle` returned, or why it did not.
    pub result: CallResult,
    /// In the order in which the component began them.
    pub exchanges: Vec<ExchangeRecord>,
    /// How many messages it sent through `wasi:messaging/producer`.
    pub sent: u32,
    /// It could do neither: what it does with a message stays within it.
    pub contained: bool,
    /// What the endpoint's responses are to be published as; none unless the
    /// result is ok.
    pub replies: Vec<Reply>,
    /// Why one of the exchanges was none; whatever the component returned.
    pub unmade: Option<Unmade>,
}

/// Why an exchange does not count: the endpoint certainly did not process the
/// request, and has not failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmade {
    /// A resource of this machine has run out.
    Shortage(Shortage),
    /// The endpoint refused it before it processed anything, as HTTP/2 can tell.
    Refused,
}

impl Outcome {
    /// What kept the attempt from being one. A component that returned ok had
    /// what it wanted, if any of its exchanges was made.
    pub fn hindered(&self) -> Option<Unmade> {
        let mut exchanges = self.exchanges.iter();
        let done = self.result == CallResult::Ok && exchanges.any(|it| it.result.is_ok());
        let lack = match &self.result {
            CallResult::Failed(failure) => failure.lack(),
            _ => None,
        };
        let unmade = lack.map(Unmade::Shortage).or(self.unmade);
        unmade.filter(|_| !done)
    }

    /// Why the last exchange brought no response.
    pub fn cause(&self) -> Option<&str> {
        let error = self.exchanges.last()?.result.as_ref().err()?;
        (error != ExchangeRecord::UNDER_WAY).then_some(error)
    }
}

/// A response of the endpoint as a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Its topic is the configured one.
    pub message: Message,
    /// The same for every attempt.
    pub id: MessageId,
}

/// The end of a call of `handle`.
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
    /// It did not return: its instance is gone.
    Failed(Failure),
}

/// Why a component did not return.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It trapped.
    #[error("the component trapped: {message}")]
    Trap {
        /// The engine's word for it.
        message: String,
        /// Innermost frame first.
        backtrace: Option<String>,
    },
    /// It had not returned after the time of the attempt.
    #[error("the component did not return within {0:?}")]
    OutOfTime(Duration),
    /// It computed for longer than one call may.
    #[error("the component computed for more than {0:?} in one call")]
    OutOfCompute(Duration),
    /// It wanted more memory than it may have, in bytes.
    #[error("the component needed more than its {0} bytes of memory (`limits.memory`)")]
    OutOfMemory(u64),
    /// It went beyond another limit.
    #[error("the component had {0}")]
    Excess(Excess),
    /// It could not be instantiated.
    #[error("the component could not be started: {0}")]
    Start(String),
    /// A resource that an instance needs has run out on this machine.
    #[error("the component could not be started: {0}")]
    Shortage(Shortage),
    /// An HTTP handler that returned, and had set no response.
    #[error("the component returned before it set a response")]
    NoResponse,
    /// An HTTP handler that returned, and had not finished its response.
    #[error("the component returned before it finished the body of its response")]
    Unfinished,
    /// It had written something to its standard error before.
    #[error("{failure}; its last lines on stderr: {stderr}")]
    WithStderr {
        /// How it ended.
        failure: Box<Failure>,
        /// The lines, separated by ` | `.
        stderr: String,
    },
    /// It was not the component itself, but the HTTP handler that its request
    /// was given to.
    #[error("in the HTTP handler: {0}")]
    InHandler(Box<Failure>),
}

impl Failure {
    /// What this machine lacked for it.
    pub fn lack(&self) -> Option<Shortage> {
        match self {
            Self::Shortage(lack) => Some(*lack),
            Self::InHandler(failure) | Self::WithStderr { failure, .. } => failure.lack(),
            _ => None,
        }
    }

    /// The backtrace of a trap.
    pub fn backtrace(&self) -> Option<&str> {
        match self {
            Self::Trap { backtrace, .. } => backtrace.as_deref(),
            Self::InHandler(failure) | Self::WithStderr { failure, .. } => failure.backtrace(),
            _ => None,
        }
    }

    /// The same, with the last lines that the component wrote to its standard error.
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
    /// Of an attempt of which nothing else is known.
    fn from(result: CallResult) -> Self {
        Self {
            result,
            exchanges: Vec::new(),
            sent: 0,
            contained: false,
            replies: Vec::new(),
            unmade: None,
        }
    }
}

impl ExchangeRecord {
    /// What is said of one that has not ended.
    pub const UNDER_WAY: &str = "not answered";
}

/// One HTTP request that a component made, and what came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeRecord {
    /// The status of the response, or why there was none.
    pub result: Result<u16, String>,
    /// The response's `Retry-After`, in both its forms, counted from its arrival.
    pub retry_after: Option<Duration>,
    /// From the request to the response's head.
    pub took: Duration,
}
