//! What a store holds: the environment a component is given, and the record
//! of the call under way.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use wasmtime::Result;
use wasmtime::component::{GuestTaskId, HasData, ResourceTable};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::request_hook::Hooks;
use super::stdio::LogStream;
use super::wall_clock::WallClock;
use crate::broker::Broker;
use crate::guest::call::call_record::RECORDED;
use crate::guest::call::calls::CallState;
use crate::guest::exchange::denied::Denials;
use crate::guest::exchange::endpoint::Endpoint;
use crate::guest::exchange::outbound::Outbound;
use crate::guest::limits::budget::{Budget, Limiter};
use crate::guest::limits::held::{Excess, Held, HeldTooMuch, max_resources};
use crate::guest::limits::settings::{Limits, Permissions};
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
    pub permissions: Permissions,
    /// What they may use.
    pub limits: Limits,
}

impl Environment {
    /// The most resources of the host that one instance may have.
    pub(crate) fn max_resources(&self) -> usize {
        max_resources(&self.limits, !self.permissions.dirs.is_empty())
    }
}

/// What components share: the budget with all of the process, the client with
/// those of the same thread.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) budget: Arc<Budget>,
    pub(crate) client: Client<WasiBody>,
    /// With the same component on other threads.
    pub(crate) denials: Arc<Denials>,
}

/// Room in an instance's header tables: a message may have 256 KiB of
/// metadata, and a table counts more than its text.
const FIELDS_LIMIT: usize = 2 << 20;

/// The data of one store.
pub(crate) struct State {
    name: String,
    pub(crate) table: ResourceTable,
    pub(crate) limiter: Limiter,
    held: Held,
    /// The most requests that one call may have open at once.
    max_requests: u32,
    pub(crate) connections: Arc<Connections>,
    pub(crate) hooks: Hooks,
    /// Its standard output and error.
    printed: [LogStream; 2],
    wasi: WasiCtx,
    http: WasiHttpCtx,
    /// What `wasi:config/store` answers.
    pub(crate) settings: Arc<BTreeMap<String, String>>,
}

impl State {
    pub(crate) fn new(
        name: &str,
        environment: &Environment,
        settings: Arc<BTreeMap<String, String>>,
        shared: &Shared,
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
            limiter: Limiter::new(shared.budget.clone(), limits.memory),
            held: Held::new(limits),
            max_requests: limits.requests,
            connections: environment.connections.clone(),
            hooks: Hooks::new(outbound, limits),
            wasi: wasi(&printed, &environment.permissions)?,
            printed,
            http,
            settings,
        })
    }

    /// The id of the next message that the component makes.
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
        self.held.forget(&mut self.limiter);
    }

    /// Ends a call in a store that has several.
    pub(crate) fn end(&mut self, task: GuestTaskId) -> Option<CallState> {
        let call = self.hooks.calls.end(task)?;
        self.limiter.give_back(call.charged);
        Some(call)
    }

    /// Counts another request of the call that the component acts for.
    pub(crate) fn keep_exchange(&mut self) -> Result<()> {
        let idle = self.hooks.calls.is_idle();
        let call = self.hooks.calls.current();
        if call.record.under_way() >= self.max_requests {
            call.record.advance();
        }
        if call.record.under_way() >= self.max_requests {
            return Err(Excess::Requests(self.max_requests).into());
        }
        if idle {
            return Ok(());
        }
        if !self.limiter.take(RECORDED) {
            return Err(HeldTooMuch.into());
        }
        call.charged += RECORDED;
        Ok(())
    }

    /// Counts bytes that the host is to keep for the component.
    pub(crate) fn keep(&mut self, bytes: usize) -> Result<()> {
        self.held.keep(bytes, &mut self.table, &mut self.limiter)
    }

    /// Counts another body that the host is to keep until it is sent.
    pub(crate) fn keep_body(&mut self) -> Result<()> {
        self.held.keep_body(&mut self.table)
    }

    /// What is printed from here on is for this message.
    pub(crate) fn begin_lines(&self, message: Option<MessageId>) {
        let [stdout, stderr] = &self.printed;
        stdout.begin(message.clone());
        stderr.begin(message);
    }

    /// The last lines that a call wrote to the standard error.
    pub(crate) fn last_lines(&self) -> Option<String> {
        self.printed[1].last_lines()
    }

    /// A line of the log beside what the component prints.
    pub(crate) fn log(&self, line: &str) {
        let [_, stderr] = &self.printed;
        stderr.line(line);
    }

    /// A call ends, and with it what it printed.
    pub(crate) fn end_lines(&self) {
        self.printed.iter().for_each(LogStream::end_line);
    }
}

/// Every interface of wasi:cli, and nothing behind it but what is granted: no
/// arguments, no network; what is printed goes to the log.
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

/// The accessor of what is in [`State`] itself.
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
