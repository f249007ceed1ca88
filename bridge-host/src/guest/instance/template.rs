//! One instance in its store: how it is made and limited, and what its end
//! tells. How it is called is the matter of those who know its bindings.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::InstancePre;
use wasmtime::{PoolConcurrencyLimitError, Result, Store};

use super::failure::{failure, limited};
use super::ready::Ready;
use crate::guest::call::call_record::CallRecord;
use crate::guest::call::calls::CallState;
use crate::guest::call::outcome::Failure;
use crate::guest::interfaces::state::{Environment, Shared, State};
use crate::guest::limits::budget::Budget;
use crate::guest::limits::settings::Limits;
use crate::message::MessageId;
use crate::trouble::Shortage;

/// How long an instance may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// What every instance of one component is made from.
pub(crate) struct InstanceTemplate<R> {
    name: String,
    ready: R,
    environment: Environment,
    settings: Arc<BTreeMap<String, String>>,
    shared: Shared,
}

/// An instance that is not in a call.
pub(crate) struct Instance<B> {
    pub(crate) store: Store<State>,
    pub(crate) bindings: B,
    calls: u32,
}

impl<R: Ready> InstanceTemplate<R> {
    pub(crate) fn new(
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
    pub(crate) async fn instantiate(&self) -> Result<Option<Instance<R::Bindings>>, Failure> {
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

    /// What it is called in the log.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.environment.limits
    }

    /// The memory of all instances of the process.
    pub(crate) fn budget(&self) -> &Budget {
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
    pub(crate) fn memory(&self) -> u64 {
        self.store.data().limiter.taken()
    }

    /// Takes note of calls.
    pub(crate) fn count(&mut self, calls: u32) {
        self.calls = self.calls.saturating_add(calls);
    }

    /// How often it was called.
    pub(crate) fn calls(&self) -> u32 {
        self.calls
    }

    /// A new call, for this message; and its record.
    pub(crate) fn begin(&mut self, id: MessageId, timeout: Duration) -> CallRecord {
        let call = CallState::new(id, timeout);
        let record = call.record.clone();
        self.begin_call(call);
        record
    }

    /// A new call.
    pub(crate) fn begin_call(&mut self, call: CallState) {
        self.count(1);
        self.store.data_mut().begin(call);
    }

    /// Why a call of it did not return.
    pub(crate) fn failure(&self, error: wasmtime::Error, limits: &Limits) -> Failure {
        self.failed(failure(&self.store, error, limits))
    }

    /// The failure of a call, with what the component last said.
    pub(crate) fn failed(&self, failure: Failure) -> Failure {
        failure.with_stderr(self.store.data().last_lines())
    }
}
