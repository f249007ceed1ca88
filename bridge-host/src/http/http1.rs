//! A connection over HTTP/1.1. An exchange drives it itself, so that no other
//! task has to be woken for a request to go out and for its response to come
//! back; or it leaves that to a task of the connection's own.

use parking_lot::{Mutex, MutexGuard};
use std::error::Error;
use std::future::poll_fn;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http::{Request, Response};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::SendRequest;
use tokio::task::coop::has_budget_remaining;

use super::error::describe;
use super::sniff::Seen;
use super::wire::Watch;

/// One connection, and the right to send on it. Dropped, it is closed: first the
/// one, then the other.
pub(super) struct Http1<B> {
    sender: SendRequest<B>,
    line: Arc<Line>,
    watch: Arc<Watch>,
    born: Instant,
}

/// What reads and writes.
struct Line {
    state: Mutex<State>,
    runner: AtomicWaker,
}

struct State {
    /// Until it ended.
    driver: Option<Driver>,
    runner: Runner,
}

/// The task of a connection. Whenever it does not drive the connection, whoever wants
/// something of it does.
#[derive(PartialEq, Eq)]
enum Runner {
    /// It was never needed.
    Absent,
    Waiting,
    Driving,
}

type Driver = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

impl<B> Http1<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// The two ends of a connection that hyper made.
    pub fn new(
        sender: SendRequest<B>,
        connection: impl Future<Output = hyper::Result<()>> + Send + 'static,
        watch: Arc<Watch>,
    ) -> Self {
        let state = State {
            driver: Some(Box::pin(connection)),
            runner: Runner::Absent,
        };
        Self {
            sender,
            line: Arc::new(Line {
                state: Mutex::new(state),
                runner: AtomicWaker::new(),
            }),
            watch,
            born: Instant::now(),
        }
    }

    /// When it was made.
    pub fn born(&self) -> Instant {
        self.born
    }

    /// What came in answer to the last request.
    pub fn seen(&self) -> Option<Seen> {
        self.watch.seen()
    }

    /// Whether it is of no more use.
    pub fn is_closed(&mut self) -> bool {
        self.line.look();
        self.sender.is_closed()
    }

    /// The exchange is over: whether there can be another now.
    pub fn is_ready(&mut self) -> bool {
        self.line.lock().leave();
        if !self.sender.is_ready() {
            self.line.look();
        }
        self.sender.is_ready()
    }

    /// Waits until there can be another.
    pub async fn ready(&mut self) -> hyper::Result<()> {
        poll_fn(|context| {
            _ = self.line.step(context);
            self.sender.poll_ready(context)
        })
        .await
    }

    /// There will be no other; what is under way comes to its end.
    pub async fn finish(self) {
        let Self { sender, line, .. } = self;
        drop(sender);
        poll_fn(|context| line.step(context)).await;
    }

    /// Leaves the exchange that is about to begin to a task.
    pub fn run(&mut self) {
        let before = mem::replace(&mut self.line.lock().runner, Runner::Driving);
        if before == Runner::Absent {
            tokio::spawn(run(Arc::downgrade(&self.line)));
        }
        self.line.runner.wake();
    }

    /// Sends a request, and waits for the head of its response.
    pub fn send(
        &mut self,
        request: Request<B>,
    ) -> impl Future<Output = Result<Response<Incoming>, TrySendError<Request<B>>>> {
        self.watch.expect();
        let response = self.sender.try_send_request(request);
        let (line, watch) = (&self.line, &self.watch);
        async move {
            let mut response = pin!(response);
            let end =
                poll_fn(|context| line.bring(context, |context| response.as_mut().poll(context)));
            let end = end.await;
            watch.done();
            end
        }
    }

    /// The next frame of the response's body.
    pub fn poll_frame(
        &mut self,
        body: &mut Incoming,
        context: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let mut body = Pin::new(body);
        // Asked for first: what nobody asks for is not read.
        match body.as_mut().poll_frame(&mut nobody()) {
            Poll::Pending => {
                (self.line).bring(context, |context| body.as_mut().poll_frame(context))
            }
            ready => ready,
        }
    }
}

impl Line {
    /// What comes by it. Where it is driven here, that is there after a step, and
    /// nobody has to be woken for it.
    fn bring<T>(
        &self,
        context: &mut Context<'_>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let mut state = self.lock();
        if state.runner == Runner::Driving {
            drop(state);
            return poll(context);
        }
        _ = state.step(context);
        drop(state);
        let brought = poll(&mut nobody());
        // What is there is not given to a task that has had its share.
        if brought.is_pending() && !has_budget_remaining() {
            context.waker().wake_by_ref();
        }
        brought
    }

    /// Notices what came meanwhile, its end above all. Those who drove it before
    /// are not woken for it any more.
    fn look(&self) {
        _ = self.step(&mut nobody());
    }

    fn step(&self, context: &mut Context<'_>) -> Poll<()> {
        self.lock().step(context)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl State {
    /// The runner drives it no more.
    fn leave(&mut self) {
        if self.runner == Runner::Driving {
            self.runner = Runner::Waiting;
        }
    }

    /// Whether it ended.
    fn step(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(connection) = &mut self.driver else {
            return Poll::Ready(());
        };
        let end = std::task::ready!(connection.as_mut().poll(context));
        self.driver = None;
        tell(end);
        Poll::Ready(())
    }
}

impl Drop for Line {
    /// Nobody sends on it any more, and it closes as its protocol has it.
    fn drop(&mut self) {
        self.look();
        self.runner.wake();
    }
}

/// Drives a connection whenever that is left to it.
async fn run(line: Weak<Line>) {
    poll_fn(|context| {
        let Some(line) = line.upgrade() else {
            return Poll::Ready(());
        };
        line.runner.register(context.waker());
        let mut state = line.lock();
        match state.runner {
            Runner::Driving => state.step(context),
            Runner::Absent | Runner::Waiting => Poll::Pending,
        }
    })
    .await;
}

fn nobody() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// The error of a connection is told to the request under way as well; between
/// requests, it is only its end.
pub(super) fn tell(end: hyper::Result<()>) {
    if let Err(error) = end {
        tracing::debug!(error = describe(&error), "a connection ended");
    }
}
