//! The engines: how components are compiled, and how time is told to them.
//! There are two, since one that can run many calls in one instance makes
//! every call of the other kind a third dearer.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use wasmtime::component::{Component, Linker};
use wasmtime::{Config, EngineWeak, Result};

use super::cache::Cache;
use super::contract::{Model, Shape};
use super::linker;
use super::state::State;

/// How often a computing component yields: to its neighbours, and to whoever
/// looks whether its time is over.
const TICK: Duration = Duration::from_millis(10);

/// One for each model.
pub(super) struct Engines {
    synchronous: Engine,
    asynchronous: Engine,
}

/// An engine, and what its components may import.
pub(super) struct Engine {
    engine: wasmtime::Engine,
    model: Model,
    published: Linker<State>,
    /// The same, with the newest draft of wasi:messaging under its name: made
    /// for the first component that speaks it.
    draft: OnceLock<Linker<State>>,
}

impl Engines {
    pub(super) fn new() -> Result<Self> {
        let engines = Self {
            synchronous: Engine::new(Model::Synchronous)?,
            asynchronous: Engine::new(Model::Asynchronous)?,
        };
        tick([&engines.synchronous, &engines.asynchronous].map(|it| it.engine.weak()));
        Ok(engines)
    }

    pub(super) fn of(&self, model: Model) -> &Engine {
        match model {
            Model::Synchronous => &self.synchronous,
            Model::Asynchronous => &self.asynchronous,
        }
    }
}

impl Engine {
    fn new(model: Model) -> Result<Self> {
        let engine = wasmtime::Engine::new(&config(model))?;
        Ok(Self {
            published: linker::linker(&engine, model, Shape::Published)?,
            draft: OnceLock::new(),
            model,
            engine,
        })
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

/// Tells the time to components for as long as one of the engines lives: that
/// without components does not.
fn tick(engines: [EngineWeak; 2]) {
    std::thread::spawn(move || {
        loop {
            let living = engines.iter().filter_map(EngineWeak::upgrade);
            if living.map(|engine| engine.increment_epoch()).count() == 0 {
                return;
            }
            std::thread::sleep(TICK);
        }
    });
}
