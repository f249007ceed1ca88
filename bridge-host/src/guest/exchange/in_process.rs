//! The interface between an exchange and an HTTP handler in process. The sub-room `handler`
//! implements it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use http::{Request, Response};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::guest::call::call_record::CallRecord;
use crate::guest::call::outcome::Failure;
use crate::guest::call::running_handler::RunningHandler;
use crate::message::MessageId;

/// A component that answers HTTP requests in process. Clones share its instances.
#[derive(Clone)]
pub struct HttpHandler(pub(crate) Arc<dyn AnswerRequests>);

/// The instances of an HTTP handler.
pub(crate) trait AnswerRequests: Send + Sync {
    /// Answers a request, and returns when the response has a head. The handler writes the rest of
    /// the body while it runs on.
    fn answer(self: Arc<Self>, request: HandlerRequest) -> BoxFuture<'static, Answer>;
}

/// A request for an HTTP handler in process.
pub(crate) struct HandlerRequest {
    pub(crate) request: Request<WasiBody>,
    /// The message on whose behalf the request is made.
    pub(crate) id: MessageId,
    /// The record of the call that sends the request.
    pub(crate) record: CallRecord,
    /// When that call is stopped.
    pub(crate) deadline: Instant,
    /// The time limit from when the handler has an instance until its response has a head.
    pub(crate) limit: Duration,
    /// Whether the handler runs within the sender's call until it has to wait.
    pub(crate) in_call: bool,
}

/// The head of a response, and the handler that writes its body.
pub(crate) type Answer = Result<(Response<WasiBody>, RunningHandler), HandlerError>;

/// Why an HTTP handler in process gave no response.
pub(crate) enum HandlerError {
    /// It failed before it set one.
    Failed(Failure),
    /// It set an error instead. `during` is the error of a request that the handler sent.
    Answered {
        error: Error,
        during: Option<String>,
    },
    /// It did not set one within this time.
    Late(Duration),
}

impl From<Failure> for HandlerError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}
