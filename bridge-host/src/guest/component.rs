//! A component ready for messages: the instances of one subscription, and
//! how they are called.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use wasmtime::component::InstancePre;
use wasmtime::{Engine, Result, Store};

use super::Handle;
use super::asynchronous::Crowd;
use super::contract::{Handler, MessageFace};
use super::instance::{Instance, Mould, Ready, limited};
use super::messaging::{Error, ID_KEY, Messaging, MessagingPre};
use super::outcome::{Call, CallResult, Failure, Outcome};
use super::pool::Pool;
use super::response;
use super::settings::Limits;
use super::state::{Environment, Shared, State};
use crate::message::MessageId;

/// A component that is ready to handle messages.
pub struct Component {
    face: Face,
    /// It has everything within it that it does with a message.
    contained: bool,
}

/// Its instances: as many as are called at once, or one for many calls.
enum Face {
    Synchronous(Arc<Pool<MessagingPre<State>>>),
    Asynchronous(Crowd),
}

impl Ready for MessagingPre<State> {
    type Bindings = Messaging;

    fn of(ready: InstancePre<State>) -> Result<Self> {
        Self::new(ready)
    }

    fn engine(&self) -> &Engine {
        self.engine()
    }

    async fn instantiate(&self, store: &mut Store<State>) -> Result<Messaging> {
        self.instantiate_async(store).await
    }
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
                let mould = Mould::new(name, ready, environment, shared)?;
                Face::Synchronous(Pool::new(mould))
            }
            MessageFace::Asynchronous => {
                let mould = Mould::new(name, ready, environment, shared)?;
                Face::Asynchronous(Crowd::new(mould))
            }
        };
        let contained = !handler.requests && !handler.produces;
        Ok(Self { face, contained })
    }

    /// The topics that the component itself asks for.
    pub async fn subscribe(&self, timeout: Duration) -> Result<Vec<String>, CallResult> {
        match &self.face {
            Face::Synchronous(pool) => {
                let (lease, mut instance) = pool.take().await?;
                let topics = instance.subscribe(timeout, pool.limits()).await?;
                lease.give_back(instance);
                Ok(topics)
            }
            Face::Asynchronous(crowd) => crowd.subscribe(timeout).await,
        }
    }
}

#[async_trait]
impl Handle for Component {
    async fn handle(&self, call: Call) -> Outcome {
        let outcome = match &self.face {
            Face::Synchronous(pool) => handle(pool, call).await,
            Face::Asynchronous(crowd) => crowd.handle(call).await,
        };
        Outcome {
            contained: self.contained,
            ..outcome
        }
    }
}

async fn handle(pool: &Arc<Pool<MessagingPre<State>>>, call: Call) -> Outcome {
    let (lease, mut instance) = match pool.take().await {
        Ok(taken) => taken,
        Err(failure) => return failure.into(),
    };
    let (began, limit) = (Instant::now(), call.timeout);
    let trace = instance.begin(call.id.clone(), limit);
    let called = instance.handle(call, pool.limits()).await;
    let sent = instance.store.data_mut().hooks.calls.current().sent;
    let (mut result, alive) = match called {
        Ok(result) => (result, true),
        Err(failure) => (CallResult::Failed(failure), false),
    };
    match alive {
        true => lease.give_back(instance),
        false => drop((instance, lease)),
    }
    let left = limit.saturating_sub(began.elapsed());
    let replies = response::conclude(&mut result, &trace, left, limit).await;
    Outcome {
        result,
        exchanges: trace.take_exchanges(),
        sent,
        contained: false,
        replies,
    }
}

impl Instance<Messaging> {
    /// Calls `handle`. After a failure the instance is of no more use.
    async fn handle(&mut self, call: Call, limits: &Limits) -> Result<CallResult, Failure> {
        let Call {
            mut message,
            id,
            timeout,
        } = call;
        message.metadata.retain(|(key, _)| key != ID_KEY);
        let end = match self.store.data_mut().receive(message, id) {
            Ok(message) => {
                let exports = self.bindings.wasi_messaging_incoming_handler();
                let call = exports.call_handle(&mut self.store, message);
                limited(call, timeout, limits).await?
            }
            Err(full) => Err(full),
        };
        match end {
            Ok(Ok(())) => Ok(CallResult::Ok),
            Ok(Err(error)) => Ok(error.into()),
            Err(trap) => Err(self.failure(trap, limits)),
        }
    }

    /// Calls `subscribe`.
    async fn subscribe(
        &mut self,
        timeout: Duration,
        limits: &Limits,
    ) -> Result<Vec<String>, CallResult> {
        self.begin(MessageId::idle(), timeout);
        let exports = self.bindings.wasi_messaging_incoming_handler();
        let call = exports.call_subscribe(&mut self.store);
        let end = limited(call, timeout, limits).await?;
        let topics = end.map_err(|trap| self.failure(trap, limits))?;
        topics.map_err(CallResult::from)
    }
}

impl From<Error> for CallResult {
    fn from(error: Error) -> Self {
        match error {
            Error::Timeout => Self::Timeout,
            Error::Connection(why) => Self::Connection(why),
            Error::Other(why) => Self::Other(why),
        }
    }
}
