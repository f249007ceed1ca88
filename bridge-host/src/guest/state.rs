//! What a store holds: the environment a component is given, and the record
//! of the call under way.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_config::{WasiConfig, WasiConfigVariables};
use wasmtime_wasi_http::{WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::budget::{Budget, Limiter};
use super::http::Hooks;
use super::outcome::Exchange;
use super::settings::Limits;
use super::stdio::LogStream;
use crate::broker::Broker;
use crate::http::{Allow, Client};
use crate::message::MessageId;

/// The brokers that `client.connect` opens, by connection name.
pub type Connections = HashMap<String, Arc<dyn Broker>>;

/// What one subscription's components are given.
#[derive(Clone)]
pub struct Environment {
    /// What `wasi:config/store` answers.
    pub settings: BTreeMap<String, String>,
    /// What `client.connect` opens.
    pub connections: Arc<Connections>,
    /// Whom these may reach.
    pub allow: Arc<Allow>,
    /// What they may use.
    pub limits: Limits,
}

/// What all components of the process share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) budget: Arc<Budget>,
    pub(super) client: Client<WasiBody>,
}

impl Shared {
    /// For one more component: the same budget, connections of its own, since
    /// each component has a runtime to itself.
    pub(super) fn apart(&self) -> Self {
        Self {
            budget: self.budget.clone(),
            client: self.client.apart(),
        }
    }
}

/// Room in an instance's header tables: a message may have 256 KiB of
/// metadata, and a table counts more than its text.
const FIELDS_LIMIT: usize = 2 << 20;

/// The most messages, streams, requests and the like that an instance may
/// have open at once.
const MAX_RESOURCES: usize = 50_000;

/// The data of one store.
pub(super) struct State {
    name: String,
    pub(super) table: ResourceTable,
    pub(super) limiter: Limiter,
    pub(super) connections: Arc<Connections>,
    pub(super) call: CallState,
    pub(super) hooks: Hooks,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    config: Arc<WasiConfigVariables>,
}

/// The call under way.
pub(super) struct CallState {
    /// The message that the call is for.
    pub(super) id: MessageId,
    /// Messages that the component made so far; numbers their ids.
    pub(super) made: u32,
    /// Messages that it sent so far.
    pub(super) sent: u32,
    /// Exchanges that it began so far.
    pub(super) exchanges: Exchanges,
}

/// Shared with the tasks that carry the exchanges out.
pub(super) type Exchanges = Arc<Mutex<Vec<Exchange>>>;

impl CallState {
    pub(super) fn new(id: MessageId) -> Self {
        Self {
            id,
            made: 0,
            sent: 0,
            exchanges: Exchanges::default(),
        }
    }

    /// The id of the next message that the component makes.
    fn next_id(&mut self, component: &str) -> MessageId {
        self.made += 1;
        self.id.child(component, self.made)
    }
}

impl State {
    pub(super) fn new(
        name: &str,
        environment: &Environment,
        config: Arc<WasiConfigVariables>,
        shared: &Shared,
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(FIELDS_LIMIT);
        Self {
            name: name.into(),
            table,
            limiter: Limiter::new(shared.budget.clone(), environment.limits.memory),
            connections: environment.connections.clone(),
            call: CallState::new(MessageId::idle()),
            hooks: Hooks::new(shared.client.clone(), environment.allow.clone()),
            wasi: bare_wasi(name),
            http,
            config,
        }
    }

    /// The id of the next message that the component makes.
    pub(super) fn next_id(&mut self) -> MessageId {
        self.call.next_id(&self.name)
    }

    pub(super) fn config(&mut self) -> WasiConfig<'_> {
        WasiConfig::new(&self.config)
    }
}

/// Every interface of wasi:cli, and nothing behind it: no arguments, no
/// environment, no files, no network; what is printed goes to the log.
fn bare_wasi(name: &str) -> WasiCtx {
    WasiCtx::builder()
        .stdout(LogStream::new(name, "stdout"))
        .stderr(LogStream::new(name, "stderr"))
        .allow_tcp(false)
        .allow_udp(false)
        .build()
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.hooks,
        }
    }
}
