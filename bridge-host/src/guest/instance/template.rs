//! The template of a component's instances: creating one in its own store, with its limits. Calling
//! an instance is in `component` and `handler`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::InstancePre;
use wasmtime::{PoolConcurrencyLimitError, Result, Store};

use super::failure::{failure, limited};
use super::world::World;
use crate::guest::call::call_record::CallRecord;
use crate::guest::call::outcome::Failure;
use crate::guest::call::store_calls::CallState;
use crate::guest::interfaces::state::{Environment, SharedResources, State};
use crate::guest::limits::budget::MemoryBudget;
use crate::guest::limits::settings::Limits;
use crate::message::MessageId;
use crate::trouble::Shortage;

/// How long an instance may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// What every instance of a component is created from.
pub(crate) struct InstanceTemplate<W> {
    name: String,
    ready: W,
    environment: Environment,
    settings: Arc<BTreeMap<String, String>>,
    shared: SharedResources,
}

/// An instance that is not in a call.
pub(crate) struct Instance<B> {
    pub(crate) store: Store<State>,
    pub(crate) bindings: B,
    calls: u32,
}

impl<W: World> InstanceTemplate<W> {
    pub(crate) fn new(
        name: &str,
        ready: InstancePre<State>,
        environment: Environment,
        shared: SharedResources,
    ) -> Result<Self> {
        Ok(Self {
            name: name.into(),
            ready: W::of(ready)?,
            settings: Arc::new(environment.settings.clone()),
            environment,
            shared,
        })
    }

    /// Creates an instance. Returns `None` if the engine has no slot for it.
    pub(crate) async fn instantiate(&self) -> Result<Option<Instance<W::Bindings>>, Failure> {
        let mut store = self
            .store()
            .map_err(|error| match Shortage::of(error.as_ref()) {
                Some(lack) => Failure::Shortage(lack),
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

    /// Returns the component's name in the log.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.environment.limits
    }

    /// Returns the memory budget of the process.
    pub(crate) fn budget(&self) -> &MemoryBudget {
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
        // At each tick, the component yields to other tasks and to the CPU meter.
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        Ok(store)
    }
}

impl<B> Instance<B> {
    /// Returns the memory of the instance, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        self.store.data().limiter.taken()
    }

    /// Counts calls.
    pub(crate) fn count(&mut self, calls: u32) {
        self.calls = self.calls.saturating_add(calls);
    }

    /// Returns how many calls the instance has served.
    pub(crate) fn calls(&self) -> u32 {
        self.calls
    }

    /// Begins a call for this message, and returns its record.
    pub(crate) fn begin(&mut self, id: MessageId, timeout: Duration) -> CallRecord {
        let call = CallState::new(id, timeout);
        let record = call.record.clone();
        self.begin_call(call);
        record
    }

    /// Begins a call.
    pub(crate) fn begin_call(&mut self, call: CallState) {
        self.count(1);
        self.store.data_mut().begin(call);
    }

    /// Returns why a call of this instance did not return.
    pub(crate) fn failure(&self, error: wasmtime::Error, limits: &Limits) -> Failure {
        self.failed(failure(&self.store, error, limits))
    }

    /// Adds the last lines of the component's standard error to a failure.
    pub(crate) fn failed(&self, failure: Failure) -> Failure {
        failure.with_stderr(self.store.data().last_lines())
    }
}
