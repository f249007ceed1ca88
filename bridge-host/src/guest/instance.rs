//! One instance in its store: how it is made, called and limited, and what
//! its end tells.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::{Store, WasmBacktrace};
use wasmtime_wasi_config::WasiConfigVariables;

use super::messaging::{Error, ID_KEY, Messaging, MessagingPre};
use super::meter::{OutOfCompute, metered};
use super::outcome::{CallResult, Failure, Outcome};
use super::settings::Limits;
use super::state::{CallState, Environment, Shared, State};
use crate::message::{Message, MessageId};

/// How long an instance may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// What every instance of one component is made from.
pub(super) struct Mould {
    pub(super) name: String,
    pub(super) ready: MessagingPre<State>,
    pub(super) environment: Environment,
    pub(super) config: Arc<WasiConfigVariables>,
    pub(super) shared: Shared,
}

/// An instance that is not in a call.
pub(super) struct Instance {
    store: Store<State>,
    bindings: Messaging,
    calls: u32,
}

impl Mould {
    /// A new instance.
    pub(super) async fn cast(&self) -> Result<Instance, Failure> {
        let mut store = self.store();
        let start = self.ready.instantiate_async(&mut store);
        let end = limited(start, START_TIMEOUT, self.limits()).await;
        match end.and_then(|end| end.map_err(|trap| failure(&store, trap, self.limits()))) {
            Ok(bindings) => Ok(Instance {
                store,
                bindings,
                calls: 0,
            }),
            Err(Failure::Trap { message, .. }) => Err(Failure::Start(message)),
            Err(failure) => Err(failure),
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.environment.limits
    }

    fn store(&self) -> Store<State> {
        let config = self.config.clone();
        let state = State::new(&self.name, &self.environment, config, &self.shared);
        let mut store = Store::new(self.ready.engine(), state);
        store.limiter(|state| &mut state.limiter);
        // It yields at every tick: to its neighbours, and to the meter.
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        store
    }
}

impl Instance {
    /// Linear memory, in bytes.
    pub(super) fn memory(&self) -> u64 {
        self.store.data().limiter.taken()
    }

    /// How often it was called.
    pub(super) fn calls(&self) -> u32 {
        self.calls
    }

    /// Calls `handle`. The instance is handed back where it may be called again.
    pub(super) async fn handle(
        mut self,
        mut message: Message,
        id: MessageId,
        timeout: Duration,
        limits: &Limits,
    ) -> (Outcome, Option<Self>) {
        self.begin(id.clone(), timeout);
        message.metadata.retain(|(key, _)| key != ID_KEY);
        let end = match self.store.data_mut().receive(message, id) {
            Ok(message) => {
                let handler = self.bindings.wasi_messaging_incoming_handler();
                let call = handler.call_handle(&mut self.store, message);
                limited(call, timeout, limits).await
            }
            Err(full) => Ok(Err(full)),
        };
        let end = end.and_then(|end| end.map_err(|trap| failure(&self.store, trap, limits)));
        let (result, alive) = match end {
            Ok(Ok(())) => (CallResult::Ok, true),
            Ok(Err(error)) => (error.into(), true),
            Err(failure) => (failure.into(), false),
        };
        let outcome = self.outcome(result);
        (outcome, alive.then_some(self))
    }

    /// Calls `subscribe`.
    pub(super) async fn subscribe(
        &mut self,
        timeout: Duration,
        limits: &Limits,
    ) -> Result<Vec<String>, CallResult> {
        self.begin(MessageId::idle(), timeout);
        let handler = self.bindings.wasi_messaging_incoming_handler();
        let call = handler.call_subscribe(&mut self.store);
        let end = limited(call, timeout, limits).await?;
        let topics = end.map_err(|trap| failure(&self.store, trap, limits))?;
        topics.map_err(CallResult::from)
    }

    fn begin(&mut self, id: MessageId, timeout: Duration) {
        self.calls += 1;
        let state = self.store.data_mut();
        state.limiter.forget_excess();
        state.call = CallState::new(id);
        state.hooks.begin(state.call.exchanges.clone(), timeout);
    }

    fn outcome(&mut self, result: CallResult) -> Outcome {
        let call = &mut self.store.data_mut().call;
        let mut exchanges = call.exchanges.lock().unwrap_or_else(|e| e.into_inner());
        Outcome {
            result,
            exchanges: std::mem::take(&mut *exchanges),
            sent: call.sent,
        }
    }
}

/// A call within its time, and its computing within the component's limit.
async fn limited<T>(
    call: impl Future<Output = T>,
    timeout: Duration,
    limits: &Limits,
) -> Result<T, Failure> {
    match tokio::time::timeout(timeout, metered(call, limits.compute)).await {
        Ok(Ok(end)) => Ok(end),
        Ok(Err(OutOfCompute)) => Err(Failure::OutOfCompute(limits.compute)),
        Err(_) => Err(Failure::OutOfTime(timeout)),
    }
}

/// Why a call did not return, from the engine's error and the store's state.
fn failure(store: &Store<State>, error: wasmtime::Error, limits: &Limits) -> Failure {
    if store.data().limiter.exceeded() {
        return Failure::OutOfMemory(limits.memory);
    }
    let backtrace = error.downcast_ref::<WasmBacktrace>();
    Failure::Trap {
        message: error.root_cause().to_string(),
        backtrace: backtrace.map(ToString::to_string),
    }
}

impl From<Failure> for CallResult {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
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
