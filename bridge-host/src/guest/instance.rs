//! One instance in its store: how it is made, called and limited, and what
//! its end tells.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::{Store, UpdateDeadline, WasmBacktrace};
use wasmtime_wasi_config::WasiConfigVariables;

use super::engine::TICK;
use super::messaging::{Error, HeldMessage, ID_KEY, Messaging, MessagingPre};
use super::outcome::{CallResult, Failure, Outcome};
use super::settings::Limits;
use super::state::{CallState, Environment, Shared, State};
use crate::message::{Message, MessageId};

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

/// It computed for longer than one call may.
#[derive(Debug, thiserror::Error)]
#[error("out of compute")]
struct OutOfCompute;

impl Mould {
    /// A new instance.
    pub(super) async fn cast(&self) -> Result<Instance, Failure> {
        let mut store = self.store();
        match self.ready.instantiate_async(&mut store).await {
            Ok(bindings) => Ok(Instance {
                store,
                bindings,
                calls: 0,
            }),
            Err(error) => Err(match failure(&store, error, self.limits()) {
                Failure::Trap { message, .. } => Failure::Start(message),
                failure => failure,
            }),
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
        let most = self.limits().compute.div_duration_f64(TICK).ceil() as u32;
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |mut store| {
            let call = &mut store.data_mut().call;
            call.ticks += 1;
            match call.ticks > most {
                true => Err(OutOfCompute.into()),
                false => Ok(UpdateDeadline::Yield(1)),
            }
        });
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
        self.begin(id.clone());
        message.metadata.retain(|(key, _)| key != ID_KEY);
        let result = match self
            .store
            .data_mut()
            .table
            .push(HeldMessage { message, id })
        {
            Ok(message) => {
                let call = self
                    .bindings
                    .wasi_messaging_incoming_handler()
                    .call_handle(&mut self.store, message);
                tokio::time::timeout(timeout, call).await
            }
            Err(full) => Ok(Err(full.into())),
        };
        let (result, alive) = match result {
            Ok(Ok(Ok(()))) => (CallResult::Ok, true),
            Ok(Ok(Err(error))) => (error.into(), true),
            Ok(Err(trap)) => (failure(&self.store, trap, limits).into(), false),
            Err(_) => (Failure::OutOfTime(timeout).into(), false),
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
        self.begin(MessageId::idle());
        let call = self
            .bindings
            .wasi_messaging_incoming_handler()
            .call_subscribe(&mut self.store);
        match tokio::time::timeout(timeout, call).await {
            Ok(Ok(topics)) => topics.map_err(CallResult::from),
            Ok(Err(trap)) => Err(failure(&self.store, trap, limits).into()),
            Err(_) => Err(Failure::OutOfTime(timeout).into()),
        }
    }

    fn begin(&mut self, id: MessageId) {
        self.calls += 1;
        let state = self.store.data_mut();
        state.call = CallState::new(id);
        state.hooks.exchanges = state.call.exchanges.clone();
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

/// Why a call did not return, from the engine's error and the store's state.
fn failure(store: &Store<State>, error: wasmtime::Error, limits: &Limits) -> Failure {
    if store.data().limiter.exceeded() {
        return Failure::OutOfMemory(limits.memory);
    }
    if error.is::<OutOfCompute>() {
        return Failure::OutOfCompute(limits.compute);
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
