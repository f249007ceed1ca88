//! The destination of a request: the network, or an HTTP handler in process. Also waits for the
//! response.

use futures_util::future::BoxFuture;
use http::Response;
use http_body_util::BodyExt;
use wasmtime_wasi_http::WasiBody;

use super::Driver;
use super::denials::{Denials, discard_body};
use super::empty_body::BeginResult;
use super::failed_request::{FailedRequest, to_wasi_error};
use super::in_process;
use crate::guest::call::call_record::{ExchangeSlot, InFlight};
use crate::guest::call::running_handler::RunningHandler;
use crate::http::{HttpError, PendingRequest, ResponseBody, UnsentRequest, Upload};

/// The destination of a request.
#[expect(
    clippy::large_enum_variant,
    reason = "the large one is what nearly all messages take, and it is not moved"
)]
pub(super) enum Destination {
    /// An HTTP handler in process.
    Handler(BoxFuture<'static, in_process::Answer>),
    Network(PendingRequest<WasiBody>),
    /// The network, once the first frame of the body has arrived.
    UnreadBody(BoxFuture<'static, BeginResult>),
    /// None: the request is invalid, or not allowed.
    Refused(Option<UnsentRequest<WasiBody>>),
}

/// A response, and the handler in process that writes its body.
pub(super) type DestinationResult =
    Result<(Response<WasiBody>, Option<RunningHandler>), FailedRequest>;

impl Destination {
    /// Returns the network, unless the request could not be begun.
    pub(super) fn of(begun: BeginResult) -> Self {
        match begun {
            Ok(sending) => Self::Network(sending),
            Err(unsent) => Self::Refused(Some(unsent)),
        }
    }

    /// Returns who drives a request to this destination in a store with one call at a time. A
    /// request whose body is long or incomplete needs a task: while the component waits for
    /// something else, the rest of the body would not be sent.
    pub(super) fn driver(&self, upload: Upload) -> Driver {
        match self {
            Self::Handler(_) => Driver::Call,
            Self::UnreadBody(_) => Driver::Task,
            Self::Network(sending) if upload != Upload::Complete || !sending.is_connected() => {
                Driver::Task
            }
            Self::Network(_) | Self::Refused(_) => Driver::Waiter,
        }
    }

    /// Waits for the head of the response. Must be called once.
    pub(super) async fn answer(
        &mut self,
        slot: &ExchangeSlot,
        denials: &Denials,
    ) -> DestinationResult {
        match self {
            Self::Handler(answer) => match answer.await {
                Ok((response, running)) => Ok((response, Some(running))),
                Err(reason) => Err(reason.into()),
            },
            Self::UnreadBody(begun) => {
                *self = Self::of(begun.await);
                Box::pin(self.answer(slot, denials)).await
            }
            Self::Network(sending) => {
                let answer = sending.response().await;
                let answer = answer.map_err(|error| (error, sending.unsent()));
                answered(answer, slot.in_flight_guard(), denials)
            }
            Self::Refused(unsent) => match unsent.take() {
                Some(UnsentRequest { error, body }) => {
                    let answer = Err((error, Some(body)));
                    answered(answer, slot.in_flight_guard(), denials)
                }
                None => unreachable!("a request is answered once"),
            },
        }
    }
}

/// Converts a response from the network. The exchange counts as in flight until its body is
/// dropped. The unsent body of a failed request is discarded.
fn answered(
    response: Result<Response<ResponseBody<WasiBody>>, (HttpError, Option<WasiBody>)>,
    in_flight: InFlight,
    denials: &Denials,
) -> DestinationResult {
    let response = response.map_err(|(error, unsent)| {
        denials.note(&error);
        if let Some(body) = unsent {
            discard_body(body);
        }
        FailedRequest::from(error)
    })?;
    let broken = move |error| {
        let _ = &in_flight;
        to_wasi_error(error)
    };
    let response = response.map(|body| body.map_err(broken).boxed_unsync());
    Ok((response, None))
}
