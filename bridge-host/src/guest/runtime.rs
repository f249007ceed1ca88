//! What components run in: two engines, the folder of compiled components,
//! and what all components of the process share.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasmtime::component::InstancePre;

use super::budget::Budget;
use super::cache::Cache;
use super::component::Component;
use super::contract::{Answering, Handler, Model, Shape};
use super::engine::Engines;
use super::handler::HttpHandler;
use super::state::{Environment, Shared, State};
use crate::http::{self, Client};

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

/// The engines, and what all components share.
pub struct Runtime {
    engines: Engines,
    cache: Cache,
    shared: Shared,
}

impl Runtime {
    /// A runtime that keeps compiled components in `cache`, gives all
    /// instances together `memory` bytes, and sends their requests as `http`
    /// has it.
    pub fn new(cache: &Path, memory: u64, http: &http::Settings) -> Result<Self, RuntimeError> {
        Ok(Self {
            engines: Engines::new().map_err(|e| RuntimeError::Engine(format!("{e:#}")))?,
            cache: Cache::open(cache).map_err(|source| RuntimeError::Cache {
                path: cache.into(),
                source,
            })?,
            shared: Shared {
                budget: Arc::new(Budget::new(memory)),
                client: Client::new(http)?,
            },
        })
    }

    /// Compiles a component that handles messages, or takes it from the
    /// cache, and links it.
    pub fn load(
        &self,
        name: &str,
        bytes: &[u8],
        handler: Handler,
        environment: Environment,
    ) -> Result<Component, RuntimeError> {
        let ready = self.link(name, bytes, handler.model, handler.face.shape())?;
        let made = Component::new(name, ready, handler, environment, self.shared.apart());
        made.map_err(|error| misfit(name, &error))
    }

    /// As [`Runtime::load`], for a component that answers HTTP requests
    /// through that interface.
    pub fn load_handler(
        &self,
        name: &str,
        bytes: &[u8],
        answering: Answering,
        environment: Environment,
    ) -> Result<HttpHandler, RuntimeError> {
        let ready = self.link(name, bytes, answering.model, answering.shape)?;
        let made = HttpHandler::new(
            name,
            ready,
            answering.face,
            environment,
            self.shared.apart(),
        );
        made.map_err(|error| misfit(name, &error))
    }

    fn link(
        &self,
        name: &str,
        bytes: &[u8],
        model: Model,
        shape: Shape,
    ) -> Result<InstancePre<State>, RuntimeError> {
        let engine = self.engines.of(model);
        let compiled = engine.compile(name, bytes, &self.cache);
        let compiled = compiled.map_err(|e| RuntimeError::Compile {
            name: name.into(),
            reason: format!("{e:#}"),
        })?;
        let linker = engine.linker(shape);
        let ready = linker.and_then(|linker| linker.instantiate_pre(&compiled));
        ready.map_err(|error| misfit(name, &error))
    }
}

fn misfit(name: &str, error: &wasmtime::Error) -> RuntimeError {
    RuntimeError::Link {
        name: name.into(),
        reason: format!("{error:#}"),
    }
}
