//! One instance in its store: how it is made and limited, and what its end
//! tells. How it is called is the matter of those who know its bindings.

use std::collections::BTreeMap;
use std::error::Error;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{InstancePre, ResourceTableError};
use wasmtime::{Engine, PoolConcurrencyLimitError, Result, Store, WasmBacktrace};

use super::budget::Budget;
use super::calls::CallState;
use super::held::Excess;
use super::meter::{OutOfCompute, metered};
use super::outcome::Failure;
use super::settings::Limits;
use super::state::{Environment, Shared, State};
use super::trace::Trace;
use crate::message::MessageId;
use crate::trouble::Lack;

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

/// Has what wasmtime generates for a world be [`Ready`]: it has these functions
/// for every world, and no trait of its own for them.
macro_rules! ready {
    ($ready:ident => $bindings:ident) => {
        impl $crate::guest::instance::Ready for $ready<$crate::guest::state::State> {
            type Bindings = $bindings;

            fn of(
                ready: wasmtime::component::InstancePre<$crate::guest::state::State>,
            ) -> wasmtime::Result<Self> {
                Self::new(ready)
            }

            fn engine(&self) -> &wasmtime::Engine {
                self.engine()
            }

            async fn instantiate(
                &self,
                store: &mut wasmtime::Store<$crate::guest::state::State>,
            ) -> wasmtime::Result<$bindings> {
                self.instantiate_async(store).await
            }
        }
    };
}
pub(super) use ready;

/// How long an instance may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// What every instance of one component is made from.
pub(super) struct Mould<R> {
    name: String,
    ready: R,
    environment: Environment,
    settings: Arc<BTreeMap<String, String>>,
    shared: Shared,
}

/// An instance that is not in a call.
pub(super) struct Instance<B> {
    pub(super) store: Store<State>,
    pub(super) bindings: B,
    calls: u32,
}

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
            settings: Arc::new(environment.settings.clone()),
            environment,
            shared,
        })
    }

    /// A new instance; none where the engine has as many as it may have.
    pub(super) async fn cast(&self) -> Result<Option<Instance<R::Bindings>>, Failure> {
        let mut store = self
            .store()
            .map_err(|error| match Lack::of(error.as_ref()) {
                Some(lack) => Failure::Lack(lack),
                None => Failure::Start(format!("{error:#}")),
            })?;
        let start = self.ready.instantiate(&mut store);
        let end = limited(start, START_TIMEOUT, self.limits()).await;
        if let Ok(Err(error)) = &end
            && error.is::<PoolConcurrencyLimitError>()
        {
            return Ok(None);
        }
        match end.and_then(|end| end.map_err(|trap| failure(&store, trap, self.limits()))) {
            Ok(bindings) => {
                tracing::debug!(component = self.name, "a new instance");
                Ok(Some(Instance {
                    store,
                    bindings,
                    calls: 0,
                }))
            }
            Err(failure) => {
                let failure = match failure {
                    Failure::Trap { message, .. } => Failure::Start(message),
                    other => other,
                };
                Err(failure.with_stderr(store.data().last_lines()))
            }
        }
    }

    /// What it is called in the log.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.environment.limits
    }

    /// The memory of all instances of the process.
    pub(super) fn budget(&self) -> &Budget {
        &self.shared.budget
    }

    fn store(&self) -> Result<Store<State>> {
        let settings = self.settings.clone();
        let state = State::new(&self.name, &self.environment, settings, &self.shared)?;
        let mut store = Store::new(self.ready.engine(), state);
        store.limiter(|state| &mut state.limiter);
        let most = self.environment.max_resources();
        store.set_max_component_handles(most);
        if let Some(table) = store.concurrent_resource_table() {
            table.set_max_capacity(most);
        }
        let transfer = usize::try_from(self.limits().memory).unwrap_or(usize::MAX);
        store.set_hostcall_fuel(transfer.min(store.hostcall_fuel()));
        // It yields at every tick: to its neighbours, and to the meter.
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        Ok(store)
    }
}

impl<B> Instance<B> {
    /// Linear memory, in bytes.
    pub(super) fn memory(&self) -> u64 {
        self.store.data().limiter.taken()
    }

    /// Takes note of calls.
    pub(super) fn count(&mut self, calls: u32) {
        self.calls = self.calls.saturating_add(calls);
    }

    /// How often it was called.
    pub(super) fn calls(&self) -> u32 {
        self.calls
    }

    /// A new call, for this message; what it shows is recorded in the trace.
    pub(super) fn begin(&mut self, id: MessageId, timeout: Duration) -> Trace {
        let call = CallState::new(id, timeout);
        let trace = call.trace.clone();
        self.begin_call(call);
        trace
    }

    /// A new call.
    pub(super) fn begin_call(&mut self, call: CallState) {
        self.count(1);
        self.store.data_mut().begin(call);
    }

    /// Why a call of it did not return.
    pub(super) fn failure(&self, error: wasmtime::Error, limits: &Limits) -> Failure {
        self.failed(failure(&self.store, error, limits))
    }

    /// The failure of a call, with what the component last said.
    pub(super) fn failed(&self, failure: Failure) -> Failure {
        failure.with_stderr(self.store.data().last_lines())
    }
}

/// A call within its time, and its computing within the component's limit.
pub(super) async fn limited<T>(
    call: impl Future<Output = T>,
    timeout: Duration,
    limits: &Limits,
) -> Result<T, Failure> {
    let call = pin!(call);
    match tokio::time::timeout(timeout, metered(call, limits.compute)).await {
        Ok(Ok(end)) => Ok(end),
        Ok(Err(OutOfCompute)) => Err(Failure::OutOfCompute(limits.compute)),
        Err(_) => Err(Failure::OutOfTime(timeout)),
    }
}

/// Why a call did not return, from the engine's error and the store's state.
pub(super) fn failure(store: &Store<State>, error: wasmtime::Error, limits: &Limits) -> Failure {
    if store.data().limiter.exceeded() {
        return Failure::OutOfMemory(limits.memory);
    }
    if let Some(excess) = excess(store, &error) {
        return Failure::Excess(excess);
    }
    // What the engine itself is refused; a component's own calls see codes.
    if let Some(lack) = Lack::of(error.as_ref()) {
        return Failure::Lack(lack);
    }
    let backtrace = error.downcast_ref::<WasmBacktrace>();
    Failure::Trap {
        message: error.root_cause().to_string(),
        backtrace: backtrace.map(ToString::to_string),
    }
}

/// The number that a component went beyond, if it did.
fn excess(store: &Store<State>, error: &wasmtime::Error) -> Option<Excess> {
    if let Some(excess) = error.downcast_ref() {
        return Some(*excess);
    }
    let full = |cause: &(dyn Error + 'static)| {
        let cause = cause.downcast_ref();
        matches!(cause, Some(ResourceTableError::Full))
    };
    let most = store.data().table.max_capacity();
    error.chain().any(full).then_some(Excess::Resources(most))
}
