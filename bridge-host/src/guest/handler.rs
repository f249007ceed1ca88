//! An HTTP handler in process: a component that answers requests, in a store
//! of its own for each. What it answers is not judged here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Request, Response};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use wasmtime::component::{InstancePre, Resource};
use wasmtime::{Engine, Result, Store};
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::bindings::{Proxy, ProxyPre};
use wasmtime_wasi_http::p2::types::{HostIncomingRequest, HostResponseOutparam};
use wasmtime_wasi_http::{Error, WasiBody, WasiHttpView};

use super::instance::{Instance, Mould, Ready};
use super::meter::{OutOfCompute, metered};
use super::outcome::Failure;
use super::pool::{Lease, Pool};
use super::state::{Environment, Shared, State};
use crate::message::MessageId;

/// How long a handler that has given its answer may take to return, where
/// nobody waits for the rest of it. One that does can be used again.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// A component that answers HTTP requests, in as many instances as there are
/// requests at once. Clones share them.
#[derive(Clone)]
pub struct HttpHandler(Arc<Pool<ProxyPre<State>>>);

/// Why there is no response.
pub(super) enum NoAnswer {
    /// The handler did not come to set one.
    Failed(Failure),
    /// It set an error in place of one.
    Answered(Error),
}

/// An instance that is kept for one request.
pub(super) struct Taken(Lease<ProxyPre<State>>, Instance<Proxy>);

/// A handler at work. Dropped, it is stopped.
pub(super) struct Running {
    task: JoinHandle<Result<(), Failure>>,
    ended: Option<Result<(), Failure>>,
}

type Answer = Result<Response<WasiBody>, ErrorCode>;

impl Ready for ProxyPre<State> {
    type Bindings = Proxy;

    fn of(ready: InstancePre<State>) -> Result<Self> {
        Self::new(ready)
    }

    fn engine(&self) -> &Engine {
        self.engine()
    }

    async fn instantiate(&self, store: &mut Store<State>) -> Result<Proxy> {
        self.instantiate_async(store).await
    }
}

impl HttpHandler {
    pub(super) fn new(
        name: &str,
        ready: InstancePre<State>,
        environment: Environment,
        shared: Shared,
    ) -> Result<Self> {
        let mould = Mould::new(name, ready, environment, shared)?;
        Ok(Self(Pool::new(mould)))
    }

    /// Waits for an instance: for how long, is up to the others.
    pub(super) async fn take(&self) -> Result<Taken, NoAnswer> {
        let (lease, instance) = self.0.take().await?;
        Ok(Taken(lease, instance))
    }

    /// Gives it a request, and waits for the head of its response. The rest
    /// of the body comes as the handler, which runs on, writes it. What it asks
    /// others itself ends at the deadline.
    pub(super) async fn send(
        &self,
        Taken(lease, mut instance): Taken,
        request: Request<WasiBody>,
        deadline: Instant,
    ) -> Result<(Response<WasiBody>, Running), NoAnswer> {
        let left = deadline.saturating_duration_since(Instant::now());
        instance.begin(MessageId::idle(), left);
        let (sender, mut receiver) = oneshot::channel();
        let resources = instance
            .resources(request, sender)
            .map_err(|error| Failure::Start(format!("{error:#}")))?;
        let mut running = Running {
            task: tokio::spawn(self.clone().run(lease, instance, resources)),
            ended: None,
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
                Err(NoAnswer::Answered(code.into()))
            }
            None => {
                running.ended().await?;
                Err(Failure::NoResponse.into())
            }
        }
    }

    async fn run(
        self,
        lease: Lease<ProxyPre<State>>,
        mut instance: Instance<Proxy>,
        (request, response): Resources,
    ) -> Result<(), Failure> {
        let exports = instance.bindings.wasi_http_incoming_handler();
        let call = exports.call_handle(&mut instance.store, request, response);
        let limits = self.0.limits();
        // Its time is that of whoever waits for it.
        match metered(call, limits.compute).await {
            Ok(Ok(())) => {
                instance.store.data().end_lines();
                lease.give_back(instance);
                Ok(())
            }
            Ok(Err(trap)) => Err(instance.failure(trap, limits)),
            Err(OutOfCompute) => Err(Failure::OutOfCompute(limits.compute)),
        }
    }
}

type Resources = (
    Resource<HostIncomingRequest>,
    Resource<HostResponseOutparam>,
);

impl Instance<Proxy> {
    /// What `handle` is called with.
    fn resources(
        &mut self,
        request: Request<WasiBody>,
        answer: oneshot::Sender<Answer>,
    ) -> Result<Resources> {
        let scheme = match request.uri().scheme_str() {
            Some("https") => Scheme::Https,
            _ => Scheme::Http,
        };
        let mut http = self.store.data_mut().http();
        let request = http.new_incoming_request(scheme, request)?;
        Ok((request, http.new_response_outparam(answer)?))
    }
}

impl Running {
    /// Waits until the handler has returned. Cancel-safe, and may be asked again.
    pub(super) async fn ended(&mut self) -> Result<(), Failure> {
        if let Some(ended) = &self.ended {
            return ended.clone();
        }
        let ended = (&mut self.task).await.unwrap_or_else(|panic| {
            Err(Failure::Trap {
                message: format!("the host panicked: {panic}"),
                backtrace: None,
            })
        });
        self.ended.insert(ended).clone()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl From<Failure> for NoAnswer {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}
