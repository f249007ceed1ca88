//! An HTTP handler in process: a component that answers requests, in a store
//! of its own for each. What it answers is not judged here.

mod incoming;
mod outlet;
mod service;
mod unread;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use http::{Request, Response};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use wasmtime::Result;
use wasmtime::component::InstancePre;
use wasmtime_wasi_http::p2::bindings::{Proxy, ProxyPre};
use wasmtime_wasi_http::p3::bindings::{Service, ServicePre};
use wasmtime_wasi_http::{Error, WasiBody};

use super::calls::CallState;
use super::contract::HttpFace;
use super::instance::{Instance, Mould, Ready};
use super::meter::{OutOfCompute, metered};
use super::outcome::Failure;
use super::pool::{Lease, Pool};
use super::state::{Environment, Shared, State};
use super::trace::Trace;
use crate::message::MessageId;
use unread::Unread;

/// How long a handler that has given its answer may take to return, where
/// nobody waits for the rest of it. One that does can be used again.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// A component that answers HTTP requests, in as many instances as there are
/// requests at once. Clones share them.
#[derive(Clone)]
pub struct HttpHandler(Face);

/// Its instances, by the interface through which they answer.
#[derive(Clone)]
enum Face {
    Incoming(Arc<Pool<ProxyPre<State>>>),
    Service(Arc<Pool<ServicePre<State>>>),
}

/// A component of which it is known how to have a request answered.
trait Answers: Ready {
    /// What an instance answers with in place of a response.
    type Code: Into<Error> + Send + 'static;

    /// Has an instance answer a request, and finish what it does after it. The
    /// answer goes out as soon as it is there. An error is a trap.
    fn answer(
        instance: &mut Instance<Self::Bindings>,
        request: Request<WasiBody>,
        answer: oneshot::Sender<Result<Response<WasiBody>, Self::Code>>,
    ) -> impl Future<Output = Result<Result<(), Failure>>> + Send;
}

/// Why there is no response.
pub(super) enum NoAnswer {
    /// The handler did not come to set one.
    Failed(Failure),
    /// It set an error in place of one, maybe because of what it asked itself.
    Answered {
        error: Error,
        during: Option<String>,
    },
}

/// An instance that is kept for one request.
pub(super) enum Taken {
    Incoming(Lease<ProxyPre<State>>, Instance<Proxy>),
    Service(Lease<ServicePre<State>>, Instance<Service>),
}

/// A handler at work. Dropped, it is stopped.
pub(super) enum Running {
    Still(JoinHandle<Ended>),
    No(Ended),
}

/// How it returned, and the last lines that it wrote to its standard error.
type Ended = Result<Option<String>, Failure>;

impl HttpHandler {
    pub(super) fn new(
        name: &str,
        ready: InstancePre<State>,
        face: HttpFace,
        environment: Environment,
        shared: Shared,
    ) -> Result<Self> {
        Ok(Self(match face {
            HttpFace::Incoming => {
                Face::Incoming(Pool::new(Mould::new(name, ready, environment, shared)?))
            }
            HttpFace::Service => {
                Face::Service(Pool::new(Mould::new(name, ready, environment, shared)?))
            }
        }))
    }

    /// Waits for an instance: for how long, is up to the others.
    pub(super) async fn take(&self) -> Result<Taken, NoAnswer> {
        Ok(match &self.0 {
            Face::Incoming(pool) => {
                let (lease, instance) = pool.take().await?;
                Taken::Incoming(lease, instance)
            }
            Face::Service(pool) => {
                let (lease, instance) = pool.take().await?;
                Taken::Service(lease, instance)
            }
        })
    }

    /// Gives it a request of this message, and waits for the head of its response. The rest
    /// of the body comes as the handler, which runs on, writes it. What it asks
    /// others itself is in the trace, and ends at the deadline.
    pub(super) async fn send(
        &self,
        taken: Taken,
        request: Request<WasiBody>,
        id: MessageId,
        trace: Trace,
        deadline: Instant,
        at_once: bool,
    ) -> Result<(Response<WasiBody>, Running), NoAnswer> {
        let request = request.map(Unread::of);
        let left = deadline.saturating_duration_since(Instant::now());
        let call = CallState::with(trace, id, left);
        match taken {
            Taken::Incoming(lease, instance) => send(lease, instance, request, call, at_once).await,
            Taken::Service(lease, instance) => send(lease, instance, request, call, at_once).await,
        }
    }
}

async fn send<R: Answers>(
    lease: Lease<R>,
    mut instance: Instance<R::Bindings>,
    request: Request<WasiBody>,
    call: CallState,
    at_once: bool,
) -> Result<(Response<WasiBody>, Running), NoAnswer> {
    let trace = call.trace.clone();
    instance.begin_call(call);
    instance.store.data_mut().hooks.of_handler = true;
    let reused = (instance.calls() > 1).then(|| lease.pool());
    let (sender, mut receiver) = oneshot::channel();
    let run = run(lease, instance, request, sender);
    let mut running = match at_once {
        true => Running::begin(run).await,
        false => Running::Still(tokio::spawn(run)),
    };
    let answer = tokio::select! {
        biased;
        answer = &mut receiver => answer.ok(),
        // It may keep what it should have set the response with.
        _ = running.ended() => receiver.try_recv().ok(),
    };
    match answer {
        Some(Ok(response)) => Ok((response, running)),
        Some(Err(code)) => {
            let _ = timeout(GRACE, running.ended()).await;
            let last = trace.take_exchanges().pop();
            Err(NoAnswer::Answered {
                error: code.into(),
                during: last.and_then(|it| it.result.err()),
            })
        }
        None => {
            let printed = running.printed().await?;
            if let Some(pool) = reused {
                pool.distrust();
            }
            Err(Failure::NoResponse.with_stderr(printed).into())
        }
    }
}

async fn run<R: Answers>(
    lease: Lease<R>,
    mut instance: Instance<R::Bindings>,
    request: Request<WasiBody>,
    answer: oneshot::Sender<Result<Response<WasiBody>, R::Code>>,
) -> Ended {
    let limits = lease.limits().clone();
    // Its time is that of whoever waits for it.
    let ended = {
        let call = pin!(R::answer(&mut instance, request, answer));
        metered(call, limits.compute).await
    };
    match ended {
        Ok(Ok(Ok(()))) => {
            let printed = instance.store.data().last_lines();
            instance.store.data().end_lines();
            lease.give_back(instance);
            Ok(printed)
        }
        Ok(Ok(Err(failure))) => Err(failure),
        Ok(Err(trap)) => Err(instance.failure(trap, &limits)),
        Err(OutOfCompute) => Err(instance.failed(Failure::OutOfCompute(limits.compute))),
    }
}

impl Running {
    /// Has it work for as long as it need not wait; then on its own.
    async fn begin(run: impl Future<Output = Ended> + Send + 'static) -> Self {
        let mut run = Box::pin(run);
        match poll_fn(|cx| Poll::Ready(run.as_mut().poll(cx))).await {
            Poll::Ready(ended) => Self::No(ended),
            Poll::Pending => Self::Still(tokio::spawn(run)),
        }
    }

    /// Waits until the handler has returned. Cancel-safe, and may be asked again.
    pub(super) async fn ended(&mut self) -> Result<(), Failure> {
        self.printed().await.map(drop)
    }

    /// As [`Self::ended`]; with what it last wrote to its standard error.
    async fn printed(&mut self) -> Ended {
        if let Self::Still(task) = self {
            *self = Self::No(task.await.unwrap_or_else(|panic| {
                Err(Failure::Trap {
                    message: format!("the host panicked: {panic}"),
                    backtrace: None,
                })
            }));
        }
        match self {
            Self::No(ended) => ended.clone(),
            Self::Still(_) => unreachable!("it was waited for"),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Self::Still(task) = self {
            task.abort();
        }
    }
}

impl From<Failure> for NoAnswer {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}
