//! An HTTP handler in process: a component that answers requests, in a store
//! of its own for each. What it answers is not judged here.

mod incoming;
mod outlet;
mod service;
mod unread;

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
use super::call::calls::CallState;
use super::call::outcome::Failure;
use super::call::running::{Ended, GRACE, Running};
use super::contract::HttpFace;
use super::exchange::in_process::{Answer, AnswerRequests, Asked, HttpHandler, NoAnswer};
use super::instance::pool::{Lease, Pool};
use super::instance::{Instance, InstanceTemplate, Ready};
use super::interfaces::state::{Environment, Shared, State};
use super::limits::cpu_meter::{OutOfCompute, metered};
use unread::Unread;

/// A component that answers requests through this interface.
pub(super) fn http_handler(
    name: &str,
    ready: InstancePre<State>,
    face: HttpFace,
    environment: Environment,
    shared: Shared,
) -> Result<HttpHandler> {
    Ok(HttpHandler(match face {
        HttpFace::Incoming => {
            let template: InstanceTemplate<ProxyPre<State>> =
                InstanceTemplate::new(name, ready, environment, shared)?;
            Pool::new(template)
        }
        HttpFace::Service => {
            let template: InstanceTemplate<ServicePre<State>> =
                InstanceTemplate::new(name, ready, environment, shared)?;
            Pool::new(template)
        }
    }))
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

impl<R: Answers> AnswerRequests for Pool<R> {
    fn answer(self: Arc<Self>, asked: Asked) -> BoxFuture<'static, Answer> {
        Box::pin(answer(self, asked))
    }
}

/// Waits for an instance, for however long the others take; then for the head of
/// its response, within the limit. Requests that the handler makes itself are in a
/// record of its own, and end at the deadline.
async fn answer<R: Answers>(pool: Arc<Pool<R>>, asked: Asked) -> Answer {
    let Asked {
        request,
        id,
        record,
        deadline,
        limit,
        in_call,
    } = asked;
    let taken = record.waits().during(pool.take()).await;
    let deadline = deadline + record.waits().so_far();
    let record = CallRecord::under(&record);
    let send = async {
        let (lease, instance) = taken?;
        let left = deadline.saturating_duration_since(Instant::now());
        let call = CallState::with(record, id, left);
        send(lease, instance, request.map(Unread::of), call, in_call).await
    };
    match timeout(limit, send).await {
        Ok(answer) => answer,
        Err(_) => Err(NoAnswer::Late(limit)),
    }
}

async fn send<R: Answers>(
    lease: Lease<R>,
    mut instance: Instance<R::Bindings>,
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
            let last = record.take_exchanges().pop();
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
        Err(OutOfCompute) => Err(instance.failed(Failure::OutOfCompute(limits.cpu_time))),
    }
}
