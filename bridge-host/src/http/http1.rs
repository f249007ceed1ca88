//! An HTTP/1.1 connection. Usually the exchange on it drives it, so that no other task has to be
//! woken to send a request or to receive its response. Otherwise a task of the connection drives
//! it.

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
use parking_lot::{Mutex, MutexGuard};
use tokio::task::coop::has_budget_remaining;

use super::connection_stream::HeadMonitor;
use super::error::describe;
use super::sniffer::Sniffed;

/// An HTTP/1.1 connection, with the right to send on it. Dropping it closes the connection.
pub(super) struct Http1Connection<B> {
    sender: SendRequest<B>,
    driver: Arc<ConnectionDriver>,
    watch: Arc<HeadMonitor>,
    opened_at: Instant,
}

/// The part of a connection that reads and writes.
struct ConnectionDriver {
    state: Mutex<State>,
    runner: AtomicWaker,
}

struct State {
    /// `None` once the connection has ended.
    driver: Option<DriverFuture>,
    task: TaskState,
}

/// The state of the connection's task. While it does not drive the connection, the exchange does.
#[derive(PartialEq, Eq)]
enum TaskState {
    /// The task was never needed.
    Absent,
    Waiting,
    Driving,
}

type DriverFuture = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

impl<B> Http1Connection<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Wraps the two halves of a connection that hyper returns.
    pub fn new(
        sender: SendRequest<B>,
        connection: impl Future<Output = hyper::Result<()>> + Send + 'static,
        watch: Arc<HeadMonitor>,
    ) -> Self {
        let state = State {
            driver: Some(Box::pin(connection)),
            task: TaskState::Absent,
        };
        Self {
            sender,
            driver: Arc::new(ConnectionDriver {
                state: Mutex::new(state),
                runner: AtomicWaker::new(),
            }),
            watch,
            opened_at: Instant::now(),
        }
    }

    /// Returns when the connection was opened.
    pub fn opened_at(&self) -> Instant {
        self.opened_at
    }

    /// Returns what the response to the last request begins with.
    pub fn sniffed(&self) -> Option<Sniffed> {
        self.watch.sniffed()
    }

    /// Returns whether the connection can no longer be used.
    pub fn is_closed(&mut self) -> bool {
        self.driver.notice_end();
        self.sender.is_closed()
    }

    /// Ends an exchange. Returns whether the connection is ready for the next one.
    pub fn is_ready(&mut self) -> bool {
        self.driver.lock().stop_task();
        if !self.sender.is_ready() {
            self.driver.notice_end();
        }
        self.sender.is_ready()
    }

    /// Waits until the connection is ready for the next exchange.
    pub async fn ready(&mut self) -> hyper::Result<()> {
        poll_fn(|context| {
            _ = self.driver.step(context);
            self.sender.poll_ready(context)
        })
        .await
    }

    /// Accepts no further exchange, and drives the current one to its end.
    pub async fn finish(self) {
        let Self { sender, driver, .. } = self;
        drop(sender);
        poll_fn(|context| driver.step(context)).await;
    }

    /// Lets a task drive the next exchange.
    pub fn drive_in_task(&mut self) {
        let before = mem::replace(&mut self.driver.lock().task, TaskState::Driving);
        if before == TaskState::Absent {
            tokio::spawn(run(Arc::downgrade(&self.driver)));
        }
        self.driver.runner.wake();
    }

    /// Sends a request, and waits for the head of its response.
    pub fn send(
        &mut self,
        request: Request<B>,
    ) -> impl Future<Output = Result<Response<Incoming>, TrySendError<Request<B>>>> {
        self.watch.begin_response();
        let response = self.sender.try_send_request(request);
        let (driver, watch) = (&self.driver, &self.watch);
        async move {
            let mut response = pin!(response);
            let end = poll_fn(|context| {
                driver.poll_driven(context, |context| response.as_mut().poll(context))
            });
            let end = end.await;
            watch.head_complete();
            end
        }
    }

    /// Reads the next frame of the response's body.
    pub fn poll_frame(
        &mut self,
        body: &mut Incoming,
        context: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let mut body = Pin::new(body);
        // hyper reads a frame only once it is requested, so poll the body first.
        match body.as_mut().poll_frame(&mut no_waker()) {
            Poll::Pending => {
                (self.driver).poll_driven(context, |context| body.as_mut().poll_frame(context))
            }
            ready => ready,
        }
    }
}

impl ConnectionDriver {
    /// Polls for something that the connection yields. If the exchange drives the connection, it
    /// first does one step, after which no waker is needed.
    fn poll_driven<T>(
        &self,
        context: &mut Context<'_>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let mut state = self.lock();
        if state.task == TaskState::Driving {
            drop(state);
            return poll(context);
        }
        _ = state.step(context);
        drop(state);
        let polled = poll(&mut no_waker());
        // A task that has used up its budget gets nothing, even if it has arrived.
        if polled.is_pending() && !has_budget_remaining() {
            context.waker().wake_by_ref();
        }
        polled
    }

    /// Does one step, to notice that the connection has ended. No waker is registered.
    fn notice_end(&self) {
        _ = self.step(&mut no_waker());
    }

    fn step(&self, context: &mut Context<'_>) -> Poll<()> {
        self.lock().step(context)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl State {
    /// Stops the connection's task from driving it.
    fn stop_task(&mut self) {
        if self.task == TaskState::Driving {
            self.task = TaskState::Waiting;
        }
    }

    /// Does one step. Returns `Ready` when the connection has ended.
    fn step(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(connection) = &mut self.driver else {
            return Poll::Ready(());
        };
        let end = std::task::ready!(connection.as_mut().poll(context));
        self.driver = None;
        log_end(end);
        Poll::Ready(())
    }
}

impl Drop for ConnectionDriver {
    /// Closes the connection as the protocol requires.
    fn drop(&mut self) {
        self.notice_end();
        self.runner.wake();
    }
}

/// Drives a connection whenever its exchange leaves that to the task.
async fn run(driver: Weak<ConnectionDriver>) {
    poll_fn(|context| {
        let Some(driver) = driver.upgrade() else {
            return Poll::Ready(());
        };
        driver.runner.register(context.waker());
        let mut state = driver.lock();
        match state.task {
            TaskState::Driving => state.step(context),
            TaskState::Absent | TaskState::Waiting => Poll::Pending,
        }
    })
    .await;
}

fn no_waker() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// Logs the error of a connection. A request in progress gets the error as well.
pub(super) fn log_end(end: hyper::Result<()>) {
    if let Err(error) = end {
        tracing::debug!(error = describe(&error), "a connection ended");
    }
}
