//! One instance in its store: how it is made and limited, and what its end
//! tells. How it is called is the matter of those who know its bindings.

use std::sync::Arc;

use wasmtime::component::InstancePre;
use wasmtime::{Engine, Result, Store, UpdateDeadline, WasmBacktrace};
use wasmtime_wasi_config::WasiConfigVariables;

use super::engine::TICK;
use super::outcome::Failure;
use super::settings::Limits;
use super::state::{CallState, Environment, Shared, State};
use super::trace::Trace;
use crate::message::MessageId;

/// A linked component of which the exports are known: that of a world.
pub(super) trait Ready: Sized + Send + Sync + 'static {
    /// An instance's exports.
    type Bindings: Send + 'static;

    /// Finds the world's exports in a component.
    fn of(ready: InstancePre<State>) -> Result<Self>;

    /// What it was compiled by.
    fn engine(&self) -> &Engine;

    /// Makes an instance in this store.
    fn instantiate(
        &self,
        store: &mut Store<State>,
    ) -> impl Future<Output = Result<Self::Bindings>> + Send;
}

/// What every instance of one component is made from.
pub(super) struct Mould<R> {
    name: String,
    ready: R,
    environment: Environment,
    config: Arc<WasiConfigVariables>,
    shared: Shared,
}

/// An instance that is not in a call.
pub(super) struct Instance<B> {
    pub(super) store: Store<State>,
    pub(super) bindings: B,
    calls: u32,
}

/// It computed for longer than one call may.
#[derive(Debug, thiserror::Error)]
#[error("out of compute")]
struct OutOfCompute;

impl<R: Ready> Mould<R> {
    pub(super) fn new(
        name: &str,
        ready: InstancePre<State>,
        environment: Environment,
        shared: Shared,
    ) -> Result<Self> {
        Ok(Self {
            name: name.into(),
            ready: R::of(ready)?,
            config: Arc::new(environment.settings.clone().into_iter().collect()),
            environment,
            shared,
        })
    }

    /// A new instance.
    pub(super) async fn cast(&self) -> Result<Instance<R::Bindings>, Failure> {
        let mut store = self
            .store()
            .map_err(|error| Failure::Start(format!("{error:#}")))?;
        match self.ready.instantiate(&mut store).await {
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

    /// Whether all instances together may have so many bytes more.
    pub(super) fn has_room(&self, bytes: u64) -> bool {
        self.shared.budget.has_room(bytes)
    }

    fn store(&self) -> Result<Store<State>> {
        let config = self.config.clone();
        let state = State::new(&self.name, &self.environment, config, &self.shared)?;
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
        Ok(store)
    }
}

impl<B> Instance<B> {
    /// Linear memory, in bytes.
    pub(super) fn memory(&self) -> u64 {
        self.store.data().limiter.taken()
    }

    /// How often it was called.
    pub(super) fn calls(&self) -> u32 {
        self.calls
    }

    /// A new call, for this message; what it shows is recorded in the trace.
    pub(super) fn begin(&mut self, id: MessageId) -> Trace {
        self.calls += 1;
        let trace = Trace::default();
        let state = self.store.data_mut();
        state.hooks.begin(trace.clone(), id.clone());
        state.call = CallState::new(id);
        trace
    }

    /// Why a call of it did not return.
    pub(super) fn failure(&self, error: wasmtime::Error, limits: &Limits) -> Failure {
        failure(&self.store, error, limits)
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
