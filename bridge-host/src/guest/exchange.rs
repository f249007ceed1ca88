//! One HTTP request of a component and its response: from the call that asks for it
//! until the component has taken the answer. A request changes its state here alone.
//!
//! ```text
//!   outgoing-handler.handle
//!            │
//!            ▼
//!     ┌─────────────┐
//!     │  Prepared   │  where it goes (`destination`), and who drives it (`Driver`)
//!     └──────┬──────┘
//!            │ begin
//!            ├─── Driver::Waiter ─► first step ─── waits ─► Driven ──┐
//!            │                          │                           │ ready, or take
//!            ├─── Driver::Call ───► first step ─── waits ─► InTask ──┤
//!            │                          │                           │ the task ends
//!            └─── Driver::Task ─────────┼─────────────────► InTask ──┤
//!                                       │ is there                  │
//!                                       ▼                           ▼
//!                                   Answered ◄──────────────────────┘
//!                                       │ take (future-incoming-response.get)
//!                                       ▼
//!                                     Taken
//! ```
//!
//! On its way to `Answered` a request to the network has a connection or makes one, is
//! handed over, and waits for the head of its response (`http/sending`). A connection
//! is driven by the exchange that is on it, or by a task of the connection where the
//! request is long or the thread is busy (`http/http1`). A request to an HTTP handler in
//! process waits for an instance, and runs in it (`handler`).
//!
//! The record of the call learns of each step: the request begins, its response has a
//! head or none. A response whose body matters to the host is kept in the record, and
//! read to its end once the component has returned (`call/open_response`).

pub(super) mod denied;
mod destination;
mod empty_body;
pub(super) mod endpoint;
mod failed;
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

/// The head of a response and a body that follows, or why there is none.
pub(super) type Answer = Result<Response<WasiBody>, Error>;

/// All that is left to do until there is an answer.
pub(super) type Carried = BoxFuture<'static, Answer>;

/// Who drives a request to its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Driver {
    /// A task: the request may have to wait, and would stand still whenever the
    /// component waits for something else.
    Task,
    /// The call that asks for it until it has to wait, then a task. A handler in
    /// process may have its answer at once, and is called as a function would be:
    /// with a task for each request, all handlers in flight would take turns.
    Call,
    /// The component that waits for the response: a connection has the request.
    Waiter,
}

/// A request that has not begun.
pub(super) struct Prepared {
    driver: Driver,
    carried: Carried,
}

/// A request that has begun; behind a component's `future-incoming-response`.
pub(super) enum Exchange {
    /// Goes on while somebody waits for it.
    Driven(Carried),
    /// A task brings the answer.
    InTask(AbortOnDropJoinHandle<Answer>),
    /// The answer is there.
    Answered(Answer),
    /// The component has it.
    Taken,
}

impl Prepared {
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

    /// Leaves the request to its caller, who drives it.
    pub(super) fn carried(self) -> Carried {
        self.carried
    }
}

impl Exchange {
    /// Takes the answer, if it is there; `None` if it was taken before.
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

/// Takes one step, whatever the task under way has had of its share of time. Nobody is
/// woken for the next step.
fn step(carried: &mut Carried) -> Poll<Answer> {
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

    /// A request that is answered through the sender, and how often it was polled.
    fn prepared(driver: Driver) -> (Prepared, oneshot::Sender<()>) {
        let (sender, answered) = oneshot::channel();
        let carried = async move {
            answered.await.map_err(|_| Error::ConnectionTerminated)?;
            Ok(Response::new(WasiBody::default()))
        };
        let carried = Box::pin(carried);
        (Prepared { driver, carried }, sender)
    }

    fn taken(exchange: &mut Exchange) -> Option<bool> {
        match exchange.take() {
            Poll::Ready(answer) => Some(answer.is_some()),
            Poll::Pending => None,
        }
    }

    #[tokio::test]
    async fn what_is_there_at_once_is_answered_unless_a_task_was_asked_for() {
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
    async fn what_has_to_wait_is_driven_by_who_waits_or_by_a_task() {
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
    async fn a_driven_request_goes_on_when_its_answer_is_asked_for() {
        let (prepared, sender) = prepared(Driver::Waiter);
        let mut exchange = prepared.begin();
        sender.send(()).unwrap();
        assert_eq!(taken(&mut exchange), Some(true));
    }
}
