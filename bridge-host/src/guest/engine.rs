//! The engines that compile and run components. There are three: one for synchronous components;
//! one for asynchronous components, which costs a call of a synchronous component a third more; and
//! one for components that get a new instance for each call, which reserves memory for its
//! instances.

mod cache;

use std::sync::OnceLock;
use std::time::Instant;

use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig, Result};

use super::contract::{CallModel, MessagingRevision};
use super::interfaces::linker;
use super::interfaces::state::State;
use super::limits::epoch_clock;

pub(super) use cache::ComponentCache;

/// How many instances of the single-use engine can exist at a time.
const MAX_SINGLE_USE_INSTANCES: u32 = 2_000;

/// How many bytes of a freed instance's memory stay allocated for the next instance.
const RESIDENT_BYTES: usize = 4 << 20;

/// The same if the system cannot tell which pages were written to, so that all of these bytes have
/// to be reset.
const RESIDENT_BYTES_WITHOUT_PAGEMAP: usize = 64 << 10;

/// One engine for each call model, and one for instances that serve a single call.
pub(super) struct Engines {
    synchronous: Engine,
    asynchronous: Engine,
    /// Created when it is first needed. `None` if the system refuses to reserve the address space.
    single_use: OnceLock<Option<Engine>>,
}

/// An engine, and the linkers with the imports that its components may use.
pub(super) struct Engine {
    engine: wasmtime::Engine,
    /// The name of the engine, which is part of the errors.
    name: &'static str,
    model: CallModel,
    published: Linker<State>,
    /// The linker with the newest draft of wasi:messaging, created for the first component that
    /// uses it.
    draft: OnceLock<Linker<State>>,
}

impl Engines {
    pub(super) fn new() -> Result<Self> {
        let engines = Self {
            synchronous: Engine::new("synchronous", CallModel::Synchronous)?,
            asynchronous: Engine::new("asynchronous", CallModel::Asynchronous)?,
            single_use: OnceLock::new(),
        };
        Ok(engines)
    }

    /// Returns the engine for synchronous components that get a new instance for each call.
    pub(super) fn single_use(&self) -> Option<&Engine> {
        let engine = self.single_use.get_or_init(|| {
            let engine = Engine::with("single use", CallModel::Synchronous, &single_use());
            engine.inspect_err(|error| tracing::warn!(%error, "the system refused to reserve address space for a pool of instances: each instance is allocated separately, which takes longer"))
                .ok()
        });
        engine.as_ref()
    }

    pub(super) fn of(&self, model: CallModel) -> &Engine {
        match model {
            CallModel::Synchronous => &self.synchronous,
            CallModel::Asynchronous => &self.asynchronous,
        }
    }
}

impl Engine {
    fn new(name: &'static str, model: CallModel) -> Result<Self> {
        Self::with(name, model, &config(model))
    }

    fn with(name: &'static str, model: CallModel, config: &Config) -> Result<Self> {
        let engine = wasmtime::Engine::new(config)?;
        epoch_clock::add_engine(engine.weak());
        Ok(Self {
            name,
            published: linker::linker(&engine, model, MessagingRevision::Published)?,
            draft: OnceLock::new(),
            model,
            engine,
        })
    }

    /// Returns the name of the engine.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the linker for components of this revision.
    pub(super) fn linker(&self, revision: MessagingRevision) -> Result<&Linker<State>> {
        if revision == MessagingRevision::Published {
            return Ok(&self.published);
        }
        if let Some(draft) = self.draft.get() {
            return Ok(draft);
        }
        let draft = linker::linker(&self.engine, self.model, revision)?;
        Ok(self.draft.get_or_init(|| draft))
    }

    /// Compiles a component, or loads it from the cache.
    pub(super) fn compile(
        &self,
        name: &str,
        bytes: &[u8],
        cache: &ComponentCache,
    ) -> Result<Component> {
        if let Some(component) = cache.load(&self.engine, bytes) {
            return Ok(component);
        }
        let began = Instant::now();
        if bytes.len() > 1 << 20 {
            let megabytes = bytes.len() >> 20;
            tracing::info!(
                component = name,
                megabytes,
                "compiling a large component: the result is cached for the next start"
            );
        }
        let component = Component::new(&self.engine, bytes)?;
        tracing::debug!(component = name, took = ?began.elapsed(), "compiled");
        if let Err(error) = cache.store(&self.engine, bytes, &component) {
            tracing::warn!(component = name, %error, "cannot cache the compiled component: the next start compiles it again");
        }
        Ok(component)
    }
}

fn config(model: CallModel) -> Config {
    let mut config = Config::new();
    config.concurrency_support(model == CallModel::Asynchronous);
    config.epoch_interruption(true);
    config.wasm_backtrace_max_frames(std::num::NonZeroUsize::new(32));
    config
}

/// As [`config`], with memory reserved for instances.
fn single_use() -> Config {
    let mut pool = PoolingAllocationConfig::new();
    let kept = match PoolingAllocationConfig::is_pagemap_scan_available() {
        true => RESIDENT_BYTES,
        false => RESIDENT_BYTES_WITHOUT_PAGEMAP,
    };
    pool.total_component_instances(MAX_SINGLE_USE_INSTANCES)
        .total_core_instances(50 * MAX_SINGLE_USE_INSTANCES)
        .total_memories(2 * MAX_SINGLE_USE_INSTANCES)
        .total_tables(10 * MAX_SINGLE_USE_INSTANCES)
        .total_stacks(MAX_SINGLE_USE_INSTANCES)
        .max_component_instance_size(64 << 20)
        .max_core_instance_size(16 << 20)
        .max_tables_per_module(10)
        .table_elements(50_000)
        .pagemap_scan(Enabled::Auto)
        .linear_memory_keep_resident(kept)
        .table_keep_resident(512 << 10)
        .async_stack_keep_resident(16 << 10);
    let mut config = config(CallModel::Synchronous);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}
