//! A fast server for a handler behind a socket: hyper, one thread, keep-alive
//! connections, and instances that are reused.

mod incoming;
mod service;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::{LocalSet, spawn_local};
use wasmtime::component::{Component, InstancePre, Linker, ResourceTable};
use wasmtime::{Config, Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_config::{WasiConfig, WasiConfigVariables};
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

use super::placement::HttpVersion;
use incoming::Proxies;
use service::Services;

struct State {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: NoOutgoingRequests,
    config: WasiConfigVariables,
}

/// Denies the handler outgoing requests.
struct NoOutgoingRequests;

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for NoOutgoingRequests {
    fn send_request(
        &mut self,
        _: Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Io,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Io), Error>> + Send> {
        Box::new(async { Err(Error::HttpRequestDenied) })
    }
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

/// A kind of handler.
trait HandlerServer: 'static {
    /// Calls the handler.
    async fn answer(self: Arc<Self>, request: Request<WasiBody>) -> wasmtime::Result<Answer>;
}

type Answer = Response<WasiBody>;

/// Idle instances.
type Idle<B> = Mutex<Vec<(Store<State>, B)>>;

/// Serves the component on a separate thread, until the process ends.
pub fn start(http: HttpVersion, file: &Path) -> SocketAddr {
    let ready = ready(http, file).expect("a component");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("an option");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let runtime = crate::runtime();
        let local = LocalSet::new();
        match http {
            HttpVersion::V02 => local.block_on(&runtime, serve(Proxies::new(ready), listener)),
            HttpVersion::V03 => local.block_on(&runtime, serve(Services::new(ready), listener)),
        }
    });
    address
}

fn ready(http: HttpVersion, file: &Path) -> wasmtime::Result<InstancePre<State>> {
    let mut config = Config::new();
    config.concurrency_support(matches!(http, HttpVersion::V03));
    let engine = Engine::new(&config)?;
    let mut linker = Linker::<State>::new(&engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    if let HttpVersion::V03 = http {
        wasmtime_wasi::p3::add_to_linker(&mut linker)?;
        wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    }
    wasmtime_wasi_config::add_to_linker(&mut linker, |state: &mut State| {
        WasiConfig::new(&state.config)
    })?;
    linker.instantiate_pre(&Component::from_file(&engine, file)?)
}

async fn serve<A: HandlerServer>(handlers: Arc<A>, listener: std::net::TcpListener) {
    let listener = TcpListener::from_std(listener).expect("a listener");
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        stream.set_nodelay(true).expect("an option");
        let handlers = handlers.clone();
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let request = request.map(|body| {
                let body = body.map_err(|error| Error::InternalError(Some(error.to_string())));
                body.boxed_unsync()
            });
            handlers.clone().answer(request)
        });
        let http = hyper::server::conn::http1::Builder::new();
        spawn_local(http.serve_connection(TokioIo::new(stream), service));
    }
}

fn store(engine: &Engine) -> Store<State> {
    let state = State {
        table: ResourceTable::new(),
        wasi: WasiCtx::builder().build(),
        http: WasiHttpCtx::new(),
        hooks: NoOutgoingRequests,
        config: WasiConfigVariables::new(),
    };
    Store::new(engine, state)
}
