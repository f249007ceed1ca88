//! The engine: how components are compiled, and how time is told to them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::component::{InstancePre, Linker};
use wasmtime::{Config, Engine, EngineWeak};

use super::budget::Budget;
use super::cache::Cache;
use super::component::Component;
use super::handler::HttpHandler;
use super::linker;
use super::state::{Environment, Shared, State};
use crate::http::{self, Client};

/// How often a computing component yields: to its neighbours, and to whoever
/// looks whether its time is over.
const TICK: Duration = Duration::from_millis(10);

/// Why components cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The engine does not work on this machine.
    #[error("the WebAssembly engine does not start: {0}")]
    Engine(String),
    /// The folder for compiled components cannot be used.
    #[error("the folder for compiled components, {}, cannot be used: {source}", path.display())]
    Cache {
        /// As configured.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The HTTP client cannot be set up.
    #[error(transparent)]
    Client(#[from] http::SettingsError),
    /// The bytes are no component that this engine can run.
    #[error("{name} cannot be compiled: {reason}")]
    Compile {
        /// Of the component.
        name: String,
        /// The engine's word for it.
        reason: String,
    },
    /// It imports something that this host does not have, or as something else.
    #[error("{name} does not fit this host: {reason}")]
    Link {
        /// Of the component.
        name: String,
        /// Which import.
        reason: String,
    },
}

/// The engine, and what all components share.
pub struct Runtime {
    engine: Engine,
    linker: Linker<State>,
    cache: Cache,
    shared: Shared,
}

impl Runtime {
    /// A runtime that keeps compiled components in `cache`, gives all
    /// instances together `memory` bytes, and sends their requests as `http`
    /// has it.
    pub fn new(cache: &Path, memory: u64, http: &http::Settings) -> Result<Self, RuntimeError> {
        let engine = Engine::new(&config()).map_err(|e| RuntimeError::Engine(format!("{e:#}")))?;
        let linker = linker::linker(&engine).map_err(|e| RuntimeError::Engine(format!("{e:#}")))?;
        let cache = Cache::open(cache).map_err(|source| RuntimeError::Cache {
            path: cache.into(),
            source,
        })?;
        tick(engine.weak());
        Ok(Self {
            engine,
            linker,
            cache,
            shared: Shared {
                budget: Arc::new(Budget::new(memory)),
                client: Client::new(http)?,
            },
        })
    }

    /// Compiles a component, or takes it from the cache, and links it.
    pub fn load(
        &self,
        name: &str,
        bytes: &[u8],
        environment: Environment,
    ) -> Result<Component, RuntimeError> {
        let link = |ready| Component::new(name, ready, environment, self.shared.apart());
        self.link(name, bytes, link)
    }

    /// As [`Runtime::load`], for a component that answers HTTP requests.
    pub fn load_handler(
        &self,
        name: &str,
        bytes: &[u8],
        environment: Environment,
    ) -> Result<HttpHandler, RuntimeError> {
        let link = |ready| HttpHandler::new(name, ready, environment, self.shared.apart());
        self.link(name, bytes, link)
    }

    fn link<T>(
        &self,
        name: &str,
        bytes: &[u8],
        make: impl FnOnce(InstancePre<State>) -> wasmtime::Result<T>,
    ) -> Result<T, RuntimeError> {
        let component = match self.cache.load(&self.engine, bytes) {
            Some(component) => component,
            None => self.compile(name, bytes)?,
        };
        let ready = self.linker.instantiate_pre(&component);
        ready.and_then(make).map_err(|e| RuntimeError::Link {
            name: name.into(),
            reason: format!("{e:#}"),
        })
    }

    fn compile(
        &self,
        name: &str,
        bytes: &[u8],
    ) -> Result<wasmtime::component::Component, RuntimeError> {
        let began = Instant::now();
        if bytes.len() > 1 << 20 {
            let megabytes = bytes.len() >> 20;
            tracing::info!(
                component = name,
                megabytes,
                "compiling, once: it is kept for the next start"
            );
        }
        let component = wasmtime::component::Component::new(&self.engine, bytes).map_err(|e| {
            RuntimeError::Compile {
                name: name.into(),
                reason: format!("{e:#}"),
            }
        })?;
        tracing::debug!(component = name, took = ?began.elapsed(), "compiled");
        if let Err(error) = self.cache.store(&self.engine, bytes, &component) {
            tracing::warn!(component = name, %error, "the compiled component could not be kept: the next start compiles it again");
        }
        Ok(component)
    }
}

/// Without component-model async in the engine, a host call costs a third
/// less; components of the 0.2 contract have no use for it.
fn config() -> Config {
    let mut config = Config::new();
    config.concurrency_support(false);
    config.epoch_interruption(true);
    config.wasm_backtrace_max_frames(std::num::NonZeroUsize::new(32));
    config
}

/// Tells the time to components for as long as the engine lives.
fn tick(engine: EngineWeak) {
    std::thread::spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    });
}
