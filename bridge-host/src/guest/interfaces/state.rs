//! The data of a wasmtime store: the environment of a component, and the calls in progress.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use wasmtime::Result;
use wasmtime::component::{GuestTaskId, HasData, ResourceTable};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::request_hook::RequestHooks;
use super::stdio::LogStream;
use super::wall_clock::WallClock;
use crate::broker::Broker;
use crate::guest::call::call_record::RECORD_SIZE;
use crate::guest::call::store_calls::CallState;
use crate::guest::exchange::denials::Denials;
use crate::guest::exchange::endpoint::Endpoint;
use crate::guest::exchange::outbound::Outbound;
use crate::guest::limits::budget::{MemoryBudget, MemoryLimiter};
use crate::guest::limits::host_resources::{
    HostMemoryExceeded, HostResources, ResourceExcess, max_resources,
};
use crate::guest::limits::settings::{Limits, Permissions};
use crate::http::{AllowList, Client};
use crate::message::MessageId;

/// The brokers that `client.connect` opens, by connection name.
pub type Connections = HashMap<String, Arc<dyn Broker>>;

/// What the components of one subscription are given.
#[derive(Clone)]
pub struct Environment {
    /// What `wasi:config/store` returns.
    pub settings: BTreeMap<String, String>,
    /// What `client.connect` opens.
    pub connections: Arc<Connections>,
    /// The hosts that HTTP requests may reach.
    pub allow: Arc<AllowList>,
    /// The endpoint, if it is an HTTP handler or if its responses become messages.
    pub endpoint: Option<Arc<Endpoint>>,
    /// The folders and environment variables that the components may access.
    pub permissions: Permissions,
    /// The limits of one component.
    pub limits: Limits,
}

impl Environment {
    /// Returns how many resources of the host one instance may have.
    pub(crate) fn max_resources(&self) -> usize {
        max_resources(&self.limits, !self.permissions.dirs.is_empty())
    }
}

/// What components share: the memory budget with all components of the process, and the HTTP client
/// with the components of the same thread.
#[derive(Clone)]
pub(crate) struct SharedResources {
    pub(crate) budget: Arc<MemoryBudget>,
    pub(crate) client: Client<WasiBody>,
    /// Shared with the same component on other threads.
    pub(crate) denials: Arc<Denials>,
}

/// The size limit of an instance's header tables: a message may have 256 KiB of metadata, and a
/// table counts more than the text.
const FIELDS_LIMIT: usize = 2 << 20;

/// The data of one store.
pub(crate) struct State {
    name: String,
    pub(crate) table: ResourceTable,
    pub(crate) limiter: MemoryLimiter,
    host_resources: HostResources,
    /// How many requests one call may have open at a time.
    max_requests: u32,
    pub(crate) connections: Arc<Connections>,
    pub(crate) hooks: RequestHooks,
    /// The standard output and the standard error.
    printed: [LogStream; 2],
    wasi: WasiCtx,
    http: WasiHttpCtx,
    /// What `wasi:config/store` returns.
    pub(crate) settings: Arc<BTreeMap<String, String>>,
}

impl State {
    pub(crate) fn new(
        name: &str,
        environment: &Environment,
        settings: Arc<BTreeMap<String, String>>,
        shared: &SharedResources,
    ) -> Result<Self> {
        let mut table = ResourceTable::new();
        table.set_max_capacity(environment.max_resources());
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(FIELDS_LIMIT);
        let limits = &environment.limits;
        let outbound = Outbound {
            client: shared.client.clone(),
            allow: environment.allow.clone(),
            endpoint: environment.endpoint.clone(),
            denials: shared.denials.clone(),
            of_handler: false,
        };
        let printed =
            ["stdout", "stderr"].map(|stream| LogStream::new(name, stream, limits.output));
        Ok(Self {
            name: name.into(),
            table,
            limiter: MemoryLimiter::new(shared.budget.clone(), limits.memory),
            host_resources: HostResources::new(limits),
            max_requests: limits.requests,
            connections: environment.connections.clone(),
            hooks: RequestHooks::new(outbound, limits),
            wasi: wasi(&printed, &environment.permissions)?,
            printed,
            http,
            settings,
        })
    }

    /// Returns the id of the next message that the component creates.
    pub(crate) fn next_id(&mut self) -> MessageId {
        self.hooks.calls.current().next_id(&self.name)
    }

    /// Begins a call in a store that has one at a time.
    pub(crate) fn begin(&mut self, call: CallState) {
        self.limiter.forget_excess();
        let id = call.id.clone();
        self.begin_lines(Some(id).filter(|id| *id != MessageId::placeholder()));
        let before = self.hooks.calls.begin(call);
        self.limiter.give_back(before.charged);
        self.host_resources.forget(&mut self.limiter);
    }

    /// Ends a call in a store that has several at a time.
    pub(crate) fn end(&mut self, task: GuestTaskId) -> Option<CallState> {
        let call = self.hooks.calls.end(task)?;
        self.limiter.give_back(call.charged);
        Some(call)
    }

    /// Counts another request of the current call.
    pub(crate) fn keep_exchange(&mut self) -> Result<()> {
        let idle = self.hooks.calls.is_idle();
        let call = self.hooks.calls.current();
        if call.record.in_flight() >= self.max_requests {
            call.record.advance();
        }
        if call.record.in_flight() >= self.max_requests {
            return Err(ResourceExcess::Requests(self.max_requests).into());
        }
        if idle {
            return Ok(());
        }
        if !self.limiter.take(RECORD_SIZE) {
            return Err(HostMemoryExceeded.into());
        }
        call.charged += RECORD_SIZE;
        Ok(())
    }

    /// Counts bytes that the host is about to keep for the component.
    pub(crate) fn keep(&mut self, bytes: usize) -> Result<()> {
        self.host_resources
            .keep(bytes, &mut self.table, &mut self.limiter)
    }

    /// Counts a body that the host is about to keep until it is sent.
    pub(crate) fn keep_body(&mut self) -> Result<()> {
        self.host_resources.keep_body(&mut self.table)
    }

    /// Attributes what is printed from here on to this message.
    pub(crate) fn begin_lines(&self, message: Option<MessageId>) {
        let [stdout, stderr] = &self.printed;
        stdout.begin(message.clone());
        stderr.begin(message);
    }

    /// Returns the last lines that the current call wrote to its standard error.
    pub(crate) fn last_lines(&self) -> Option<String> {
        self.printed[1].last_lines()
    }

    /// Logs a line, as if the component had written it to its standard error.
    pub(crate) fn log(&self, line: &str) {
        let [_, stderr] = &self.printed;
        stderr.line(line);
    }

    /// Ends the lines that a call has printed.
    pub(crate) fn end_lines(&self) {
        self.printed.iter().for_each(LogStream::end_line);
    }
}

/// Builds the context of wasi:cli. It gives access to what is granted, and to nothing else: no
/// arguments, no network. Printed lines go to the log.
fn wasi([stdout, stderr]: &[LogStream; 2], permissions: &Permissions) -> Result<WasiCtx> {
    let mut builder = WasiCtx::builder();
    builder
        .stdout(stdout.clone())
        .stderr(stderr.clone())
        .wall_clock(WallClock)
        .allow_tcp(false)
        .allow_udp(false);
    for (name, value) in &permissions.env {
        builder.env(name, value.expose());
    }
    for dir in &permissions.dirs {
        let permitted = match dir.write {
            true => FsPerms::ReadWrite,
            false => FsPerms::ReadOnly,
        };
        builder.preopened_dir(&dir.path, &dir.seen_as, permitted)?;
    }
    Ok(builder.build())
}

/// Gives host functions access to [`State`].
pub(crate) struct HasState;

impl HasData for HasState {
    type Data<'a> = &'a mut State;
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
