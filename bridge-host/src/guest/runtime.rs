//! The runtime of all components: the engines, the cache of compiled components, and the state that
//! components share.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use wasmtime::component::InstancePre;
use wasmtime_wasi_http::WasiBody;

use super::component::Component;
use super::contract::{CallModel, HttpHandlerProfile, MessageHandlerProfile, MessagingRevision};
use super::engine::{ComponentCache, Engine, Engines};
use super::exchange::denials::Denials;
use super::exchange::in_process::HttpHandler;
use super::handler::http_handler;
use super::interfaces::state::{Environment, SharedResources, State};
use super::limits::budget::MemoryBudget;
use super::limits::settings::Limits;
use crate::http::{self, Client};

/// Why components cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// wasmtime does not work on this machine.
    #[error("cannot start the WebAssembly engine: {0}")]
    Engine(String),
    /// The cache of compiled components cannot be used.
    #[error("cannot use the folder for compiled components, {}: {source}", path.display())]
    Cache {
        /// The path in the config.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The HTTP client cannot be created.
    #[error(transparent)]
    Client(#[from] http::SettingsError),
    /// The bytes are not a component that this engine can run.
    #[error("cannot compile {name}: {reason}")]
    Compile {
        /// The name of the component.
        name: String,
        /// The error of wasmtime.
        reason: String,
    },
    /// It imports an interface that the host does not provide, or provides differently.
    #[error("{name} does not match this host: {reason}")]
    Link {
        /// The name of the component.
        name: String,
        /// The import that does not match.
        reason: String,
    },
}

/// The engines, and the state that all components share.
pub struct Runtime {
    engines: Engines,
    cache: ComponentCache,
    linked: LinkedComponents,
    budget: Arc<MemoryBudget>,
    client: Client<WasiBody>,
    /// The HTTP client of each thread. Connections run on the thread's runtime. The subscriptions
    /// of a thread share them.
    clients: Mutex<HashMap<Thread, Client<WasiBody>>>,
    /// The denied hosts of each component.
    denials: Mutex<HashMap<String, Arc<Denials>>>,
}

/// The index of the host's thread that a component runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Thread(pub usize);

impl Runtime {
    /// Returns a runtime that caches compiled components in `cache`, limits the memory of all
    /// instances together to `memory` bytes, and sends requests with the settings `http`.
    pub fn new(cache: &Path, memory: u64, http: &http::Settings) -> Result<Self, RuntimeError> {
        Ok(Self {
            engines: Engines::new().map_err(|e| RuntimeError::Engine(format!("{e:#}")))?,
            cache: ComponentCache::open(cache).map_err(|source| RuntimeError::Cache {
                path: cache.into(),
                source,
            })?,
            linked: LinkedComponents::default(),
            budget: Arc::new(MemoryBudget::new(memory)),
            client: Client::new(http)?,
            clients: Mutex::default(),
            denials: Mutex::default(),
        })
    }

    /// Compiles a component that handles messages, so that loading it later is fast. Blocks until
    /// it is compiled.
    pub fn compile(
        &self,
        name: &str,
        bytes: &[u8],
        profile: MessageHandlerProfile,
    ) -> Result<(), RuntimeError> {
        let engine = self.engines.of(profile.call_model);
        self.link(engine, name, bytes, profile.interface.revision())
            .map(drop)
    }

    /// Compiles an HTTP handler with these limits, as [`Runtime::compile`] does.
    pub fn compile_handler(
        &self,
        name: &str,
        bytes: &[u8],
        profile: HttpHandlerProfile,
        limits: &Limits,
    ) -> Result<(), RuntimeError> {
        self.link_handler(name, bytes, profile, limits).map(drop)
    }

    /// Compiles a component that handles messages, or loads it from the cache, and links it. The
    /// component must only be called on this thread.
    pub fn load(
        &self,
        name: &str,
        bytes: &[u8],
        profile: MessageHandlerProfile,
        environment: Environment,
        thread: Thread,
    ) -> Result<Component, RuntimeError> {
        let engine = self.engines.of(profile.call_model);
        let ready = self.link(engine, name, bytes, profile.interface.revision())?;
        let component =
            Component::new(name, ready, profile, environment, self.shared(name, thread));
        component.map_err(|error| link_error(name, &error))
    }

    /// Loads an HTTP handler, as [`Runtime::load`] does.
    ///
    /// If instances are not reused, they are created in reserved memory, unless the component is
    /// too large for that.
    pub fn load_handler(
        &self,
        name: &str,
        bytes: &[u8],
        profile: HttpHandlerProfile,
        environment: Environment,
        thread: Thread,
    ) -> Result<HttpHandler, RuntimeError> {
        let ready = self.link_handler(name, bytes, profile, &environment.limits)?;
        let component = http_handler(
            name,
            ready,
            profile.interface,
            environment,
            self.shared(name, thread),
        );
        component.map_err(|error| link_error(name, &error))
    }

    /// Returns the state that a component shares on one thread.
    fn shared(&self, name: &str, thread: Thread) -> SharedResources {
        let mut denials = self.denials.lock();
        let denials = denials.entry(name.into());
        let denials = denials.or_insert_with(|| Arc::new(Denials::of(name)));
        let mut clients = self.clients.lock();
        let client = clients
            .entry(thread)
            .or_insert_with(|| self.client.for_another_runtime());
        SharedResources {
            budget: self.budget.clone(),
            client: client.clone(),
            denials: denials.clone(),
        }
    }

    fn link_handler(
        &self,
        name: &str,
        bytes: &[u8],
        profile: HttpHandlerProfile,
        limits: &Limits,
    ) -> Result<InstancePre<State>, RuntimeError> {
        let (model, revision) = (profile.call_model, profile.revision);
        let single_use = !limits.reuse && model == CallModel::Synchronous;
        let engine = single_use.then(|| self.engines.single_use()).flatten();
        let ready = engine.and_then(|engine| {
            let ready = self.link(engine, name, bytes, revision);
            ready
                .inspect_err(|error| tracing::debug!(%error, "the component does not fit into reserved memory"))
                .ok()
        });
        match ready {
            Some(ready) => Ok(ready),
            None => self.link(self.engines.of(model), name, bytes, revision),
        }
    }

    /// Compiles and links a component. The result is shared by all users of the same component.
    fn link(
        &self,
        engine: &Engine,
        name: &str,
        bytes: &[u8],
        revision: MessagingRevision,
    ) -> Result<InstancePre<State>, RuntimeError> {
        let linked = self.linked.entry(engine, revision, bytes);
        let mut linked = linked.lock();
        if let Some(ready) = &*linked {
            return Ok(ready.clone());
        }
        let compiled = engine.compile(name, bytes, &self.cache);
        let compiled = compiled.map_err(|e| RuntimeError::Compile {
            name: name.into(),
            reason: format!("{e:#}"),
        })?;
        let linker = engine.linker(revision);
        let ready = linker.and_then(|linker| linker.instantiate_pre(&compiled));
        let ready = ready.map_err(|error| link_error(name, &error))?;
        Ok(linked.insert(ready).clone())
    }
}

/// The linked components, by their digest, engine and revision.
#[derive(Default)]
struct LinkedComponents(Mutex<HashMap<Key, Arc<Mutex<Entry>>>>);

type Key = ([u8; 32], &'static str, MessagingRevision);
type Entry = Option<InstancePre<State>>;

impl LinkedComponents {
    fn entry(
        &self,
        engine: &Engine,
        revision: MessagingRevision,
        bytes: &[u8],
    ) -> Arc<Mutex<Entry>> {
        let key = (Sha256::digest(bytes).into(), engine.name(), revision);
        let mut all = self.0.lock();
        all.entry(key).or_default().clone()
    }
}

fn link_error(name: &str, error: &wasmtime::Error) -> RuntimeError {
    RuntimeError::Link {
        name: name.into(),
        reason: format!("{error:#}"),
    }
}
