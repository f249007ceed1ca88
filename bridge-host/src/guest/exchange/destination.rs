//! Where a request goes: to the network, or to an HTTP handler in process. And what
//! comes back from there.

use futures_util::future::BoxFuture;
use http::Response;
use http_body_util::BodyExt;
use wasmtime_wasi_http::WasiBody;

use super::Driver;
use super::denied::{Denials, swallow};
use super::empty_body::Begun;
use super::failed::{Failed, lower};
use super::in_process;
use crate::guest::call::call_record::{ExchangeSlot, UnderWay};
use crate::guest::call::running::Running;
use crate::http::{HttpError, ResponseBody, Sending, Unsent, Upload};

/// Where a request goes.
#[expect(
    clippy::large_enum_variant,
    reason = "the large one is what nearly all messages take, and it is not moved"
)]
pub(super) enum Destination {
    /// An HTTP handler in process.
    Handler(BoxFuture<'static, in_process::Answer>),
    Network(Sending<WasiBody>),
    /// To the network, once the beginning of its body is there.
    Unread(BoxFuture<'static, Begun>),
    /// Nowhere: it may not go where it should.
    Refused(Option<Unsent<WasiBody>>),
}

/// A response with, from a handler in process, who writes its body.
pub(super) type Arrived = Result<(Response<WasiBody>, Option<Running>), Failed>;

impl Destination {
    /// The network, as far as the request may go there.
    pub(super) fn of(begun: Begun) -> Self {
        match begun {
            Ok(sending) => Self::Network(sending),
            Err(unsent) => Self::Refused(Some(unsent)),
        }
    }

    /// Who drives a request that goes here, where nobody else waits meanwhile. A
    /// connection is not handed a body that is long, or of which the component might
    /// wait to write more: while the component waits for something else, nobody would
    /// send the rest.
    pub(super) fn driver(&self, upload: Upload) -> Driver {
        match self {
            Self::Handler(_) => Driver::Call,
            Self::Unread(_) => Driver::Task,
            Self::Network(sending) if upload != Upload::AtOnce || !sending.is_connected() => {
                Driver::Task
            }
            Self::Network(_) | Self::Refused(_) => Driver::Waiter,
        }
    }

    /// Waits for the head of the response. Called once.
    pub(super) async fn answer(&mut self, slot: &ExchangeSlot, denials: &Denials) -> Arrived {
        match self {
            Self::Handler(asked) => match asked.await {
                Ok((response, running)) => Ok((response, Some(running))),
                Err(reason) => Err(reason.into()),
            },
            Self::Unread(begun) => {
                *self = Self::of(begun.await);
                Box::pin(self.answer(slot, denials)).await
            }
            Self::Network(sending) => {
                let answer = sending.response().await;
                let answer = answer.map_err(|error| (error, sending.unsent()));
                answered(answer, slot.stays_under_way(), denials)
            }
            Self::Refused(unsent) => match unsent.take() {
                Some(Unsent { error, body }) => {
                    let answer = Err((error, Some(body)));
                    answered(answer, slot.stays_under_way(), denials)
                }
                None => unreachable!("a future is not asked again once it ended"),
            },
        }
    }
}

/// Over the network. The exchange is under way for as long as there is its body; of a
/// request that failed, the body is what it would have sent.
fn answered(
    response: Result<Response<ResponseBody<WasiBody>>, (HttpError, Option<WasiBody>)>,
    under_way: UnderWay,
    denials: &Denials,
) -> Arrived {
    let response = response.map_err(|(error, unsent)| {
        denials.note(&error);
        if let Some(body) = unsent {
            swallow(body);
        }
        Failed::from(error)
    })?;
    let broken = move |error| {
        let _ = &under_way;
        lower(error)
    };
    let response = response.map(|body| body.map_err(broken).boxed_unsync());
    Ok((response, None))
}
