//! The seam between a request and an HTTP handler in process: what the handler is
//! asked, and how it answers. How a component answers is in the sub-room `handler`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use http::{Request, Response};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::guest::call::call_record::CallRecord;
use crate::guest::call::outcome::Failure;
use crate::guest::call::running::Running;
use crate::message::MessageId;

/// A component that answers HTTP requests in process. Clones share its instances.
#[derive(Clone)]
pub struct HttpHandler(pub(crate) Arc<dyn AnswerRequests>);

/// The instances of such a component.
pub(crate) trait AnswerRequests: Send + Sync {
    /// Begins to answer a request, and waits for the head of its response. The
    /// handler writes the rest of the body while it runs on.
    fn answer(self: Arc<Self>, asked: Asked) -> BoxFuture<'static, Answer>;
}

/// A request for an HTTP handler in process.
pub(crate) struct Asked {
    pub(crate) request: Request<WasiBody>,
    /// The message that it is made for.
    pub(crate) id: MessageId,
    /// The record of the call that makes it.
    pub(crate) record: CallRecord,
    /// When that call is stopped.
    pub(crate) deadline: Instant,
    /// From when the handler has an instance until its response has a head.
    pub(crate) limit: Duration,
    /// The handler runs within the call that asks it until it has to wait.
    pub(crate) in_call: bool,
}

/// The head of a response, and the handler that writes its body.
pub(crate) type Answer = Result<(Response<WasiBody>, Running), NoAnswer>;

/// Why an HTTP handler in process gave no response.
pub(crate) enum NoAnswer {
    /// It did not come to set one.
    Failed(Failure),
    /// It set an error instead, maybe because of a request that it made itself.
    Answered {
        error: Error,
        during: Option<String>,
    },
    /// It set none within this time.
    Late(Duration),
}

impl From<Failure> for NoAnswer {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}
