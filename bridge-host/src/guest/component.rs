//! A component that handles messages: the instances of one subscription, and how they are called.

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
use super::call::message_handler::MessageHandler;
use super::call::outcome::{Call, CallResult, Failure, Outcome};
use super::call::wait_clock::{self, WaitClock, within};
use super::contract::{MessageHandlerProfile, MessageInterface};
use super::instance::pool::InstancePool;
use super::instance::{Instance, InstanceTemplate, World, failure, limited};
use super::interfaces::draft::MessagingRequestReplyPre;
use super::interfaces::messaging::MessagingPre;
use super::interfaces::state::{Environment, SharedResources, State};
use super::limits::cpu_meter::{OutOfCpuTime, metered};
use super::limits::settings::Limits;
use crate::message::MessageId;
use asynchronous::ConcurrentInstances;
use exports::MessageExports;

/// A component that handles messages.
pub struct Component {
    kind: InstanceKind,
    /// Whether its effects may be invisible to the host.
    has_hidden_effects: bool,
}

/// The instances of a component, by the interface through which they are called.
enum InstanceKind {
    Synchronous(Arc<InstancePool<MessagingPre<State>>>),
    Draft(Arc<InstancePool<MessagingRequestReplyPre<State>>>),
    Asynchronous(ConcurrentInstances),
}

impl Component {
    pub(super) fn new(
        name: &str,
        ready: InstancePre<State>,
        handler: MessageHandlerProfile,
        environment: Environment,
        shared: SharedResources,
    ) -> Result<Self> {
        let kind = match handler.interface {
            MessageInterface::Synchronous => {
                let template = InstanceTemplate::new(name, ready, environment, shared)?;
                InstanceKind::Synchronous(InstancePool::new(template))
            }
            MessageInterface::Draft => {
                let template = InstanceTemplate::new(name, ready, environment, shared)?;
                InstanceKind::Draft(InstancePool::new(template))
            }
            MessageInterface::Asynchronous => {
                let template = InstanceTemplate::new(name, ready, environment, shared)?;
                InstanceKind::Asynchronous(ConcurrentInstances::new(template))
            }
        };
        let has_hidden_effects = handler.has_hidden_effects;
        Ok(Self {
            kind,
            has_hidden_effects,
        })
    }

    /// Returns the topics that the component asks for.
    pub async fn subscribe(&self, timeout: Duration) -> Result<Vec<String>, CallResult> {
        match &self.kind {
            InstanceKind::Synchronous(pool) => subscribe(pool, timeout).await,
            InstanceKind::Draft(_) => Ok(Vec::new()),
            InstanceKind::Asynchronous(instances) => instances.subscribe(timeout).await,
        }
    }
}

impl MessageHandler for Component {
    // Boxed for each interface, so that the future of one is not as large as that of another.
    fn handle(&self, call: Call) -> BoxFuture<'_, Outcome> {
        let has_hidden_effects = self.has_hidden_effects;
        match &self.kind {
            InstanceKind::Synchronous(pool) => Box::pin(handle(pool, call, has_hidden_effects)),
            InstanceKind::Draft(pool) => Box::pin(handle(pool, call, has_hidden_effects)),
            InstanceKind::Asynchronous(instances) => {
                let handled = instances.handle(call);
                Box::pin(handled.map(move |outcome| Outcome {
                    has_hidden_effects,
                    ..outcome
                }))
            }
        }
    }
}

async fn subscribe<W: World>(
    pool: &Arc<InstancePool<W>>,
    timeout: Duration,
) -> Result<Vec<String>, CallResult>
where
    W::Bindings: MessageExports,
{
    let (lease, mut instance) = pool.take().await?;
    let topics = instance.subscribe(timeout, pool.limits()).await?;
    lease.give_back(instance);
    Ok(topics)
}

async fn handle<W: World>(
    pool: &Arc<InstancePool<W>>,
    call: Call,
    has_hidden_effects: bool,
) -> Outcome
where
    W::Bindings: MessageExports,
{
    let (lease, mut instance) = match pool.take().await {
        Ok(taken) => taken,
        Err(failure) => {
            return Outcome {
                has_hidden_effects,
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
        has_hidden_effects,
        replies,
        unprocessed: record.unprocessed(),
    }
}

impl<B: MessageExports> Instance<B> {
    /// Calls `handle`. After a failure, the instance cannot be used again.
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
                    Some(Err(OutOfCpuTime)) => return Err(Failure::OutOfCpuTime(limits.cpu_time)),
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
