//! What a store holds: the environment a component is given, and the record
//! of the call under way.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use wasmtime::Result;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_config::{WasiConfig, WasiConfigVariables};
use wasmtime_wasi_http::{WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::budget::{Budget, Limiter};
use super::endpoint::Endpoint;
use super::http::Hooks;
use super::settings::{Grant, Limits};
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
    /// Who receives their requests, where that is more than a host to reach.
    pub endpoint: Option<Arc<Endpoint>>,
    /// What they may see of the machine.
    pub grant: Grant,
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
    pub(super) hooks: Hooks,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    config: Arc<WasiConfigVariables>,
}

impl State {
    pub(super) fn new(
        name: &str,
        environment: &Environment,
        config: Arc<WasiConfigVariables>,
        shared: &Shared,
    ) -> Result<Self> {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(FIELDS_LIMIT);
        let (client, allow) = (shared.client.clone(), environment.allow.clone());
        Ok(Self {
            name: name.into(),
            table,
            limiter: Limiter::new(shared.budget.clone(), environment.limits.memory),
            connections: environment.connections.clone(),
            hooks: Hooks::new(client, allow, environment.endpoint.clone()),
            wasi: wasi(name, &environment.grant)?,
            http,
            config,
        })
    }

    /// The id of the next message that the component makes.
    pub(super) fn next_id(&mut self) -> MessageId {
        self.hooks.calls.current().next_id(&self.name)
    }

    pub(super) fn config(&mut self) -> WasiConfig<'_> {
        WasiConfig::new(&self.config)
    }
}

/// Every interface of wasi:cli, and nothing behind it but what is granted: no
/// arguments, no network; what is printed goes to the log.
fn wasi(name: &str, grant: &Grant) -> Result<WasiCtx> {
    let mut builder = WasiCtx::builder();
    builder
        .stdout(LogStream::new(name, "stdout"))
        .stderr(LogStream::new(name, "stderr"))
        .allow_tcp(false)
        .allow_udp(false);
    for (name, value) in &grant.env {
        builder.env(name, value.expose());
    }
    for dir in &grant.dirs {
        let permitted = match dir.write {
            true => FsPerms::ReadWrite,
            false => FsPerms::ReadOnly,
        };
        builder.preopened_dir(&dir.path, &dir.seen_as, permitted)?;
    }
    Ok(builder.build())
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
