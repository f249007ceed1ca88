//! What components run in: two engines, the folder of compiled components,
//! and what all components of the process share.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use wasmtime::component::InstancePre;
use wasmtime_wasi_http::WasiBody;

use super::component::Component;
use super::contract::{Answering, Handler, Model, Shape};
use super::engine::{Cache, Engine, Engines};
use super::exchange::denied::Denials;
use super::exchange::in_process::HttpHandler;
use super::handler::http_handler;
use super::interfaces::state::{Environment, Shared, State};
use super::limits::budget::Budget;
use super::limits::settings::Limits;
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
    linked: Linked,
    budget: Arc<Budget>,
    client: Client<WasiBody>,
    /// Those of each thread: its connections run on its own runtime, and belong
    /// to their endpoint, whichever subscription opened them.
    clients: Mutex<HashMap<Thread, Client<WasiBody>>>,
    /// Those of each component.
    denials: Mutex<HashMap<String, Arc<Denials>>>,
}

/// Which of the host's threads a component runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Thread(pub usize);

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
            linked: Linked::default(),
            budget: Arc::new(Budget::new(memory)),
            client: Client::new(http)?,
            clients: Mutex::default(),
            denials: Mutex::default(),
        })
    }

    /// Compiles a component that handles messages, so that loading it later is
    /// quick. Blocks for as long as that takes.
    pub fn compile(&self, name: &str, bytes: &[u8], handler: Handler) -> Result<(), RuntimeError> {
        let engine = self.engines.of(handler.model);
        self.link(engine, name, bytes, handler.face.shape())
            .map(drop)
    }

    /// As [`Runtime::compile`], for a component that answers HTTP requests
    /// within these limits.
    pub fn compile_handler(
        &self,
        name: &str,
        bytes: &[u8],
        answering: Answering,
        limits: &Limits,
    ) -> Result<(), RuntimeError> {
        self.link_handler(name, bytes, answering, limits).map(drop)
    }

    /// Compiles a component that handles messages, or takes it from the
    /// cache, and links it. It runs on that thread alone.
    pub fn load(
        &self,
        name: &str,
        bytes: &[u8],
        handler: Handler,
        environment: Environment,
        thread: Thread,
    ) -> Result<Component, RuntimeError> {
        let engine = self.engines.of(handler.model);
        let ready = self.link(engine, name, bytes, handler.face.shape())?;
        let made = Component::new(name, ready, handler, environment, self.shared(name, thread));
        made.map_err(|error| misfit(name, &error))
    }

    /// As [`Runtime::load`], for a component that answers HTTP requests
    /// through that interface.
    ///
    /// Where its instances are not reused, they are made in memory that is set
    /// aside for them; if that has no room for one of this component, as others are.
    pub fn load_handler(
        &self,
        name: &str,
        bytes: &[u8],
        answering: Answering,
        environment: Environment,
        thread: Thread,
    ) -> Result<HttpHandler, RuntimeError> {
        let ready = self.link_handler(name, bytes, answering, &environment.limits)?;
        let made = http_handler(
            name,
            ready,
            answering.face,
            environment,
            self.shared(name, thread),
        );
        made.map_err(|error| misfit(name, &error))
    }

    /// What a component shares on one thread.
    fn shared(&self, name: &str, thread: Thread) -> Shared {
        let mut denials = self.denials.lock();
        let denials = denials.entry(name.into());
        let denials = denials.or_insert_with(|| Arc::new(Denials::of(name)));
        let mut clients = self.clients.lock();
        let client = clients.entry(thread).or_insert_with(|| self.client.apart());
        Shared {
            budget: self.budget.clone(),
            client: client.clone(),
            denials: denials.clone(),
        }
    }

    fn link_handler(
        &self,
        name: &str,
        bytes: &[u8],
        answering: Answering,
        limits: &Limits,
    ) -> Result<InstancePre<State>, RuntimeError> {
        let (model, shape) = (answering.model, answering.shape);
        let single_use = !limits.reuse && model == Model::Synchronous;
        let engine = single_use.then(|| self.engines.single_use()).flatten();
        let ready = engine.and_then(|engine| {
            let ready = self.link(engine, name, bytes, shape);
            ready
                .inspect_err(|error| tracing::debug!(%error, "no memory is set aside for it"))
                .ok()
        });
        match ready {
            Some(ready) => Ok(ready),
            None => self.link(self.engines.of(model), name, bytes, shape),
        }
    }

    /// Compiled and linked once for all that use the same component.
    fn link(
        &self,
        engine: &Engine,
        name: &str,
        bytes: &[u8],
        shape: Shape,
    ) -> Result<InstancePre<State>, RuntimeError> {
        let linked = self.linked.entry(engine, shape, bytes);
        let mut linked = linked.lock();
        if let Some(ready) = &*linked {
            return Ok(ready.clone());
        }
        let compiled = engine.compile(name, bytes, &self.cache);
        let compiled = compiled.map_err(|e| RuntimeError::Compile {
            name: name.into(),
            reason: format!("{e:#}"),
        })?;
        let linker = engine.linker(shape);
        let ready = linker.and_then(|linker| linker.instantiate_pre(&compiled));
        let ready = ready.map_err(|error| misfit(name, &error))?;
        Ok(linked.insert(ready).clone())
    }
}

/// What was linked, by its bytes and what they were linked for.
#[derive(Default)]
struct Linked(Mutex<HashMap<Key, Arc<Mutex<Entry>>>>);

type Key = ([u8; 32], &'static str, Shape);
type Entry = Option<InstancePre<State>>;

impl Linked {
    fn entry(&self, engine: &Engine, shape: Shape, bytes: &[u8]) -> Arc<Mutex<Entry>> {
        let key = (Sha256::digest(bytes).into(), engine.name(), shape);
        let mut all = self.0.lock();
        all.entry(key).or_default().clone()
    }
}

fn misfit(name: &str, error: &wasmtime::Error) -> RuntimeError {
    RuntimeError::Link {
        name: name.into(),
        reason: format!("{error:#}"),
    }
}
