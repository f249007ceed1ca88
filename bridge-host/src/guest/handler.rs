//! HTTP handlers in process: each request is answered in the store of one instance. `exchange`
//! decides what a response means.

mod body_source;
mod incoming;
mod service;
mod unread_body;

use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::BoxFuture;
use http::{Request, Response};
use tokio::sync::oneshot;
use tokio::time::timeout;
use wasmtime::Result;
use wasmtime::component::InstancePre;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p3::bindings::ServicePre;
use wasmtime_wasi_http::{Error, WasiBody};

use super::call::call_record::CallRecord;
use super::call::outcome::Failure;
use super::call::running_handler::{GRACE, HandlerEnd, RunningHandler};
use super::call::store_calls::CallState;
use super::contract::HttpInterface;
use super::exchange::in_process::{
    Answer, AnswerRequests, HandlerError, HandlerRequest, HttpHandler,
};
use super::instance::pool::{InstanceLease, InstancePool};
use super::instance::{Instance, InstanceTemplate, World};
use super::interfaces::state::{Environment, SharedResources, State};
use super::limits::cpu_meter::{OutOfCpuTime, metered};
use unread_body::UnreadBody;

/// Returns the handler of a component that answers requests through this interface.
pub(super) fn http_handler(
    name: &str,
    ready: InstancePre<State>,
    interface: HttpInterface,
    environment: Environment,
    shared: SharedResources,
) -> Result<HttpHandler> {
    Ok(HttpHandler(match interface {
        HttpInterface::Incoming => {
            let template: InstanceTemplate<ProxyPre<State>> =
                InstanceTemplate::new(name, ready, environment, shared)?;
            InstancePool::new(template)
        }
        HttpInterface::Service => {
            let template: InstanceTemplate<ServicePre<State>> =
                InstanceTemplate::new(name, ready, environment, shared)?;
            InstancePool::new(template)
        }
    }))
}

/// A linked component that answers HTTP requests.
trait HttpWorld: World {
    /// The error that an instance may set instead of a response.
    type Code: Into<Error> + Send + 'static;

    /// Calls an instance, and lets it run to its end. The response is sent through `answer` as soon
    /// as it is set. An error is a trap.
    fn answer(
        instance: &mut Instance<Self::Bindings>,
        request: Request<WasiBody>,
        answer: oneshot::Sender<Result<Response<WasiBody>, Self::Code>>,
    ) -> impl Future<Output = Result<Result<(), Failure>>> + Send;
}

impl<W: HttpWorld> AnswerRequests for InstancePool<W> {
    fn answer(self: Arc<Self>, request: HandlerRequest) -> BoxFuture<'static, Answer> {
        Box::pin(answer(self, request))
    }
}

/// Waits for an instance, without a limit; then waits for the head of its response, for up to the
/// limit. The handler's own requests have their own record, and end at the deadline.
async fn answer<W: HttpWorld>(
    pool: Arc<InstancePool<W>>,
    handler_request: HandlerRequest,
) -> Answer {
    let HandlerRequest {
        request,
        id,
        record,
        deadline,
        limit,
        in_call,
    } = handler_request;
    let taken = record.waits().during(pool.take()).await;
    let deadline = deadline + record.waits().total();
    let record = CallRecord::nested_in(&record);
    let send = async {
        let (lease, instance) = taken?;
        let left = deadline.saturating_duration_since(Instant::now());
        let call = CallState::with_record(record, id, left);
        send(lease, instance, request.map(UnreadBody::of), call, in_call).await
    };
    match timeout(limit, send).await {
        Ok(answer) => answer,
        Err(_) => Err(HandlerError::Late(limit)),
    }
}

async fn send<W: HttpWorld>(
    lease: InstanceLease<W>,
    mut instance: Instance<W::Bindings>,
    request: Request<WasiBody>,
    call: CallState,
    in_call: bool,
) -> Answer {
    let record = call.record.clone();
    instance.begin_call(call);
    instance.store.data_mut().hooks.outbound.of_handler = true;
    let reused = (instance.calls() > 1).then(|| lease.pool());
    let (sender, mut receiver) = oneshot::channel();
    let run = run(lease, instance, request, sender);
    let mut running = match in_call {
        true => RunningHandler::begin(run).await,
        false => RunningHandler::Active(tokio::spawn(run)),
    };
    let answer = tokio::select! {
        biased;
        answer = &mut receiver => answer.ok(),
        // The handler may have returned without dropping the response's setter.
        _ = running.ended() => receiver.try_recv().ok(),
    };
    match answer {
        Some(Ok(response)) => Ok((response, running)),
        Some(Err(code)) => {
            let _ = timeout(GRACE, running.ended()).await;
            let last = record.take_exchanges().pop();
            Err(HandlerError::Answered {
                error: code.into(),
                during: last.and_then(|it| it.result.err()),
            })
        }
        None => {
            let printed = running.ended_with_output().await?;
            if let Some(pool) = reused {
                pool.discard_idle();
            }
            Err(Failure::NoResponse.with_stderr(printed).into())
        }
    }
}

async fn run<W: HttpWorld>(
    lease: InstanceLease<W>,
    mut instance: Instance<W::Bindings>,
    request: Request<WasiBody>,
    answer: oneshot::Sender<Result<Response<WasiBody>, W::Code>>,
) -> HandlerEnd {
    let limits = lease.limits().clone();
    // Its time is limited by the caller that waits for it.
    let ended = {
        let call = pin!(W::answer(&mut instance, request, answer));
        metered(call, limits.cpu_time).await
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
        Err(OutOfCpuTime) => Err(instance.failed(Failure::OutOfCpuTime(limits.cpu_time))),
    }
}
