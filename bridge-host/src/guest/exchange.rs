//! One HTTP request of a component and its response, from the call that sends it until the
//! component has taken the response. The state of a request changes in this file only.
//!
//! ```text
//!   outgoing-handler.handle
//!            │
//!            ▼
//!   ┌─────────────────┐
//!   │ PreparedRequest │  its destination (`destination`), and who drives it (`Driver`)
//!   └────────┬────────┘
//!            │ begin
//!            ├─── Driver::Waiter ─► first step ─── waits ─► Driven ──┐
//!            │                          │                           │ ready, or take
//!            ├─── Driver::Call ───► first step ─── waits ─► InTask ──┤
//!            │                          │                           │ the task ends
//!            └─── Driver::Task ─────────┼─────────────────► InTask ──┤
//!                                       │ has arrived               │
//!                                       ▼                           ▼
//!                                   Answered ◄──────────────────────┘
//!                                       │ take (future-incoming-response.get)
//!                                       ▼
//!                                     Taken
//! ```
//!
//! Before it is `Answered`, a request to the network takes a pooled connection or opens one, is
//! handed to it, and waits for the head of its response (`http/pending_request`). The exchange
//! drives its connection itself. If the request is long or the thread is busy, a task of the
//! connection does (`http/http1`). A request to an HTTP handler in process waits for an instance
//! and runs in it (`handler`).
//!
//! The record of the call notes when a request begins, and whether its response had a head. A
//! response that the host needs is kept in the record, and read to its end after the component has
//! returned (`call/open_response`).

pub(super) mod denials;
mod destination;
mod empty_body;
pub(super) mod endpoint;
mod failed_request;
pub(super) mod in_process;
pub(super) mod outbound;
pub(super) mod request_body;

use std::mem;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use futures_util::future::BoxFuture;
use http::Response;
use tokio::task::coop::unconstrained;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::Pollable;
use wasmtime_wasi::runtime::{AbortOnDropJoinHandle, spawn};
use wasmtime_wasi_http::{Error, WasiBody};

/// The head of a response with its body, or why there is none.
pub(super) type Answer = Result<Response<WasiBody>, Error>;

/// The rest of an exchange, which yields the answer.
pub(super) type AnswerFuture = BoxFuture<'static, Answer>;

/// Who drives a request to its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Driver {
    /// A task. The request may have to wait, and would make no progress while the component waits
    /// for something else.
    Task,
    /// The component's call until the request has to wait, then a task. A handler in process may
    /// answer at once, as a function would; with a task for each request, all handlers in flight
    /// would take turns.
    Call,
    /// The component, when it waits for the response: a connection has taken the whole request.
    Waiter,
}

/// A request that has not begun.
pub(super) struct PreparedRequest {
    driver: Driver,
    carried: AnswerFuture,
}

/// A request that has begun: the resource `future-incoming-response`.
pub(super) enum Exchange {
    /// Makes progress while the component waits for the response.
    Driven(AnswerFuture),
    /// A task yields the answer.
    InTask(AbortOnDropJoinHandle<Answer>),
    /// The answer has arrived.
    Answered(Answer),
    /// The component has taken the answer.
    Taken,
}

impl PreparedRequest {
    /// Begins the request.
    pub(super) fn begin(mut self) -> Exchange {
        if self.driver == Driver::Task {
            return Exchange::InTask(spawn(self.carried));
        }
        match step(&mut self.carried) {
            Poll::Ready(answer) => Exchange::Answered(answer),
            Poll::Pending if self.driver == Driver::Call => Exchange::InTask(spawn(self.carried)),
            Poll::Pending => Exchange::Driven(self.carried),
        }
    }

    /// Returns the future of the request, for a caller that drives it.
    pub(super) fn into_future(self) -> AnswerFuture {
        self.carried
    }
}

impl Exchange {
    /// Takes the answer, if it has arrived. Returns `None` if it was taken before.
    pub(super) fn take(&mut self) -> Poll<Option<Answer>> {
        let (next, taken) = match mem::replace(self, Self::Taken) {
            Self::Answered(answer) => return Poll::Ready(Some(answer)),
            Self::Taken => return Poll::Ready(None),
            Self::Driven(mut carried) => match step(&mut carried) {
                Poll::Ready(answer) => return Poll::Ready(Some(answer)),
                Poll::Pending => (Self::Driven(carried), Poll::Pending),
            },
            in_task @ Self::InTask(_) => (in_task, Poll::Pending),
        };
        *self = next;
        taken
    }
}

/// Polls once, even if the current task has used up its budget. No waker is registered.
fn step(carried: &mut AnswerFuture) -> Poll<Answer> {
    let mut context = Context::from_waker(Waker::noop());
    pin!(unconstrained(carried.as_mut())).poll(&mut context)
}

#[async_trait]
impl Pollable for Exchange {
    async fn ready(&mut self) {
        let answer = match self {
            Self::Driven(carried) => carried.await,
            Self::InTask(task) => task.await,
            Self::Answered(_) | Self::Taken => return,
        };
        *self = Self::Answered(answer);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    /// Returns a request that is answered when the sender is used.
    fn prepared(driver: Driver) -> (PreparedRequest, oneshot::Sender<()>) {
        let (sender, answered) = oneshot::channel();
        let carried = async move {
            answered.await.map_err(|_| Error::ConnectionTerminated)?;
            Ok(Response::new(WasiBody::default()))
        };
        let carried = Box::pin(carried);
        (PreparedRequest { driver, carried }, sender)
    }

    fn taken(exchange: &mut Exchange) -> Option<bool> {
        match exchange.take() {
            Poll::Ready(answer) => Some(answer.is_some()),
            Poll::Pending => None,
        }
    }

    #[tokio::test]
    async fn an_immediate_answer_is_taken_unless_a_task_drives_the_request() {
        for (driver, at_once) in [
            (Driver::Waiter, true),
            (Driver::Call, true),
            (Driver::Task, false),
        ] {
            let (prepared, sender) = prepared(driver);
            sender.send(()).unwrap();
            let exchange = prepared.begin();
            let is_answered = matches!(exchange, Exchange::Answered(Ok(_)));
            assert_eq!(is_answered, at_once, "{driver:?}");
        }
    }

    #[tokio::test]
    async fn a_waiting_request_is_driven_by_the_component_or_by_a_task() {
        for (driver, by_task) in [
            (Driver::Waiter, false),
            (Driver::Call, true),
            (Driver::Task, true),
        ] {
            let (prepared, sender) = prepared(driver);
            let mut exchange = prepared.begin();
            let is_in_task = matches!(exchange, Exchange::InTask(_));
            assert_eq!(is_in_task, by_task, "{driver:?}");
            assert_eq!(taken(&mut exchange), None, "{driver:?}");
            sender.send(()).unwrap();
            exchange.ready().await;
            assert_eq!(taken(&mut exchange), Some(true), "{driver:?}");
            assert_eq!(taken(&mut exchange), Some(false), "{driver:?}");
        }
    }

    #[tokio::test]
    async fn taking_the_answer_drives_the_request() {
        let (prepared, sender) = prepared(Driver::Waiter);
        let mut exchange = prepared.begin();
        sender.send(()).unwrap();
        assert_eq!(taken(&mut exchange), Some(true));
    }
}
