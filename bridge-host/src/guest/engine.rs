//! The engines: how components are compiled, and how time is told to them.
//! One that can run many calls in one instance makes every call of the other
//! kind a third dearer, so there are two; and a third for components that get an
//! instance for each call, which it makes in memory that is set aside for them.

mod cache;

use std::sync::OnceLock;
use std::time::Instant;

use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig, Result};

use super::contract::{Model, Shape};
use super::interfaces::linker;
use super::interfaces::state::State;
use super::limits::epoch_clock;

pub(super) use cache::Cache;

/// How many instances there may be at once that serve one call each.
const SLOTS: u32 = 2_000;

/// Of the memory of such an instance, so much is not given back to the system
/// where the next one writes to the same pages.
const KEPT: usize = 4 << 20;

/// The same where the system cannot tell which pages were written to, and all
/// of it is written again.
const KEPT_BLINDLY: usize = 64 << 10;

/// One for each model, and one for instances that serve one call each.
pub(super) struct Engines {
    synchronous: Engine,
    asynchronous: Engine,
    /// Made when it is first asked for; none where the system refuses the
    /// addresses that it sets aside.
    single_use: OnceLock<Option<Engine>>,
}

/// An engine, and what its components may import.
pub(super) struct Engine {
    engine: wasmtime::Engine,
    /// Which of them it is.
    name: &'static str,
    model: Model,
    published: Linker<State>,
    /// The same, with the newest draft of wasi:messaging under its name: made
    /// for the first component that speaks it.
    draft: OnceLock<Linker<State>>,
}

impl Engines {
    pub(super) fn new() -> Result<Self> {
        let engines = Self {
            synchronous: Engine::new("synchronous", Model::Synchronous)?,
            asynchronous: Engine::new("asynchronous", Model::Asynchronous)?,
            single_use: OnceLock::new(),
        };
        Ok(engines)
    }

    /// The one for synchronous components that get an instance for each call.
    pub(super) fn single_use(&self) -> Option<&Engine> {
        let made = self.single_use.get_or_init(|| {
            let made = Engine::with("single use", Model::Synchronous, &single_use());
            made.inspect_err(|error| tracing::warn!(%error, "the system refused to reserve address space for a pool of instances: each instance is allocated separately, which takes longer"))
                .ok()
        });
        made.as_ref()
    }

    pub(super) fn of(&self, model: Model) -> &Engine {
        match model {
            Model::Synchronous => &self.synchronous,
            Model::Asynchronous => &self.asynchronous,
        }
    }
}

impl Engine {
    fn new(name: &'static str, model: Model) -> Result<Self> {
        Self::with(name, model, &config(model))
    }

    fn with(name: &'static str, model: Model, config: &Config) -> Result<Self> {
        let engine = wasmtime::Engine::new(config)?;
        epoch_clock::of(engine.weak());
        Ok(Self {
            name,
            published: linker::linker(&engine, model, Shape::Published)?,
            draft: OnceLock::new(),
            model,
            engine,
        })
    }

    /// Which of them it is.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// What components of that shape may import.
    pub(super) fn linker(&self, shape: Shape) -> Result<&Linker<State>> {
        if shape == Shape::Published {
            return Ok(&self.published);
        }
        if let Some(draft) = self.draft.get() {
            return Ok(draft);
        }
        let draft = linker::linker(&self.engine, self.model, shape)?;
        Ok(self.draft.get_or_init(|| draft))
    }

    /// Compiles a component, or takes it from the cache.
    pub(super) fn compile(&self, name: &str, bytes: &[u8], cache: &Cache) -> Result<Component> {
        if let Some(component) = cache.load(&self.engine, bytes) {
            return Ok(component);
        }
        let began = Instant::now();
        if bytes.len() > 1 << 20 {
            let megabytes = bytes.len() >> 20;
            tracing::info!(
                component = name,
                megabytes,
                "compiling, once: it is kept for the next start"
            );
        }
        let component = Component::new(&self.engine, bytes)?;
        tracing::debug!(component = name, took = ?began.elapsed(), "compiled");
        if let Err(error) = cache.store(&self.engine, bytes, &component) {
            tracing::warn!(component = name, %error, "the compiled component could not be kept: the next start compiles it again");
        }
        Ok(component)
    }
}

fn config(model: Model) -> Config {
    let mut config = Config::new();
    config.concurrency_support(model == Model::Asynchronous);
    config.epoch_interruption(true);
    config.wasm_backtrace_max_frames(std::num::NonZeroUsize::new(32));
    config
}

/// As [`config`], with memory set aside.
fn single_use() -> Config {
    let mut pool = PoolingAllocationConfig::new();
    let kept = match PoolingAllocationConfig::is_pagemap_scan_available() {
        true => KEPT,
        false => KEPT_BLINDLY,
    };
    pool.total_component_instances(SLOTS)
        .total_core_instances(50 * SLOTS)
        .total_memories(2 * SLOTS)
        .total_tables(10 * SLOTS)
        .total_stacks(SLOTS)
        .max_component_instance_size(64 << 20)
        .max_core_instance_size(16 << 20)
        .max_tables_per_module(10)
        .table_elements(50_000)
        .pagemap_scan(Enabled::Auto)
        .linear_memory_keep_resident(kept)
        .table_keep_resident(512 << 10)
        .async_stack_keep_resident(16 << 10);
    let mut config = config(Model::Synchronous);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}
