//! A component ready for messages: the instances of one subscription, and
//! how they are called.

mod asynchronous;
mod exports;

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use wasmtime::Result;
use wasmtime::component::InstancePre;

use super::call::conclusion::conclude;
use super::call::handle::Handle;
use super::call::outcome::{Call, CallResult, Failure, Outcome};
use super::call::wait_clock::{self, WaitClock, within};
use super::contract::{Handler, MessageFace};
use super::instance::pool::Pool;
use super::instance::{Instance, InstanceTemplate, Ready, failure, limited};
use super::interfaces::draft::MessagingRequestReplyPre;
use super::interfaces::messaging::MessagingPre;
use super::interfaces::state::{Environment, Shared, State};
use super::limits::cpu_meter::{OutOfCompute, metered};
use super::limits::settings::Limits;
use crate::message::MessageId;
use asynchronous::ConcurrentInstances;
use exports::Receiver;

/// A component that is ready to handle messages.
pub struct Component {
    face: Face,
    /// What it does with a message may stay within it.
    contained: bool,
}

/// Its instances: as many as are called at once, or one for many calls.
enum Face {
    Synchronous(Arc<Pool<MessagingPre<State>>>),
    Draft(Arc<Pool<MessagingRequestReplyPre<State>>>),
    Asynchronous(ConcurrentInstances),
}

impl Component {
    pub(super) fn new(
        name: &str,
        ready: InstancePre<State>,
        handler: Handler,
        environment: Environment,
        shared: Shared,
    ) -> Result<Self> {
        let face = match handler.face {
            MessageFace::Synchronous => {
                let template = InstanceTemplate::new(name, ready, environment, shared)?;
                Face::Synchronous(Pool::new(template))
            }
            MessageFace::Draft => {
                let template = InstanceTemplate::new(name, ready, environment, shared)?;
                Face::Draft(Pool::new(template))
            }
            MessageFace::Asynchronous => {
                let template = InstanceTemplate::new(name, ready, environment, shared)?;
                Face::Asynchronous(ConcurrentInstances::new(template))
            }
        };
        let contained = handler.contained;
        Ok(Self { face, contained })
    }

    /// The topics that the component itself asks for.
    pub async fn subscribe(&self, timeout: Duration) -> Result<Vec<String>, CallResult> {
        match &self.face {
            Face::Synchronous(pool) => subscribe(pool, timeout).await,
            Face::Draft(_) => Ok(Vec::new()),
            Face::Asynchronous(instances) => instances.subscribe(timeout).await,
        }
    }
}

impl Handle for Component {
    /// Each message makes and moves one of these: none is larger for the others.
    fn handle(&self, call: Call) -> BoxFuture<'_, Outcome> {
        let contained = self.contained;
        match &self.face {
            Face::Synchronous(pool) => Box::pin(handle(pool, call, contained)),
            Face::Draft(pool) => Box::pin(handle(pool, call, contained)),
            Face::Asynchronous(instances) => {
                let handled = instances.handle(call);
                Box::pin(handled.map(move |outcome| Outcome {
                    contained,
                    ..outcome
                }))
            }
        }
    }
}

async fn subscribe<R: Ready>(
    pool: &Arc<Pool<R>>,
    timeout: Duration,
) -> Result<Vec<String>, CallResult>
where
    R::Bindings: Receiver,
{
    let (lease, mut instance) = pool.take().await?;
    let topics = instance.subscribe(timeout, pool.limits()).await?;
    lease.give_back(instance);
    Ok(topics)
}

async fn handle<R: Ready>(pool: &Arc<Pool<R>>, call: Call, contained: bool) -> Outcome
where
    R::Bindings: Receiver,
{
    let (lease, mut instance) = match pool.take().await {
        Ok(taken) => taken,
        Err(failure) => {
            return Outcome {
                contained,
                ..failure.into()
            };
        }
    };
    let (began, limit) = (Instant::now(), call.timeout);
    let record = instance.begin(call.id.clone(), limit);
    instance.store.data_mut().hooks.calls.current().hops = call.message.hops();
    let called = instance.handle(call, pool.limits(), record.waits()).await;
    let sent = instance.store.data_mut().hooks.calls.current().sent;
    let (mut result, alive) = match called {
        Ok(result) => (result, true),
        Err(failure) => (CallResult::Failed(instance.failed(failure)), false),
    };
    match alive {
        true => {
            instance.store.data().end_lines();
            lease.give_back(instance);
        }
        false => drop((instance, lease)),
    }
    let left = wait_clock::left(limit, began, record.waits());
    let replies = conclude(&mut result, &record, left, limit).await;
    Outcome {
        result,
        exchanges: record.take_exchanges(),
        sent,
        contained,
        replies,
        unmade: record.unmade(),
    }
}

impl<B: Receiver> Instance<B> {
    /// Calls `handle`. After a failure the instance is of no more use.
    async fn handle(
        &mut self,
        call: Call,
        limits: &Limits,
        waits: &WaitClock,
    ) -> Result<CallResult, Failure> {
        let Call {
            message,
            id,
            reply_to,
            timeout,
        } = call;
        let end = match self.store.data_mut().receive(message, id, reply_to) {
            Ok(message) => {
                let call = pin!(self.bindings.handle(&mut self.store, message));
                let call = pin!(metered(call, limits.cpu_time));
                match within(call, timeout, waits).await {
                    Some(Ok(end)) => end,
                    Some(Err(OutOfCompute)) => return Err(Failure::OutOfCompute(limits.cpu_time)),
                    None => return Err(Failure::OutOfTime(timeout)),
                }
            }
            Err(full) => Err(full),
        };
        end.map_err(|trap| failure(&self.store, trap, limits))
    }

    /// Calls `subscribe`.
    async fn subscribe(
        &mut self,
        timeout: Duration,
        limits: &Limits,
    ) -> Result<Vec<String>, CallResult> {
        self.begin(MessageId::placeholder(), timeout);
        let call = self.bindings.subscribe(&mut self.store);
        let end = limited(call, timeout, limits).await?;
        end.map_err(|trap| self.failure(trap, limits))?
    }
}

#[cfg(test)]
mod tests;
