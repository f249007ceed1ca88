//! The handler behind a socket, as well as can be done: hyper, one thread,
//! connections kept, instances reused, nothing else.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Config, Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_config::{WasiConfig, WasiConfigVariables};
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::p2::bindings::{Proxy, ProxyPre};
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

struct State {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Closed,
    config: WasiConfigVariables,
}

/// A handler here asks nobody.
struct Closed;

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Closed {
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

/// Instances at rest, and what others are made from.
struct Server {
    ready: ProxyPre<State>,
    idle: Mutex<Vec<(Store<State>, Proxy)>>,
}

/// Serves the component on a thread of its own, for as long as the process lives.
pub fn start(file: &Path) -> SocketAddr {
    let server = Arc::new(Server {
        ready: ready(file).expect("a component"),
        idle: Mutex::default(),
    });
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("an option");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(serve(server, listener));
    });
    address
}

fn ready(file: &Path) -> wasmtime::Result<ProxyPre<State>> {
    let mut config = Config::new();
    config.concurrency_support(false);
    let engine = Engine::new(&config)?;
    let mut linker = Linker::<State>::new(&engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    wasmtime_wasi_config::add_to_linker(&mut linker, |state: &mut State| {
        WasiConfig::new(&state.config)
    })?;
    let component = Component::from_file(&engine, file)?;
    ProxyPre::new(linker.instantiate_pre(&component)?)
}

async fn serve(server: Arc<Server>, listener: std::net::TcpListener) {
    let listener = TcpListener::from_std(listener).expect("a listener");
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        stream.set_nodelay(true).expect("an option");
        let server = server.clone();
        let service = hyper::service::service_fn(move |request| answer(server.clone(), request));
        let http = hyper::server::conn::http1::Builder::new();
        tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(
    server: Arc<Server>,
    request: Request<Incoming>,
) -> wasmtime::Result<Response<WasiBody>> {
    let idle = server.idle.lock().expect("no panic").pop();
    let (mut store, proxy) = match idle {
        Some(instance) => instance,
        None => server.instance().await?,
    };
    let request = request.map(|body| {
        let body = body.map_err(|error| Error::InternalError(Some(error.to_string())));
        body.boxed_unsync()
    });
    let (sender, receiver) = oneshot::channel();
    let mut http = store.data_mut().http();
    let request = http.new_incoming_request(Scheme::Http, request)?;
    let out = http.new_response_outparam(sender)?;
    tokio::spawn(async move {
        let exports = proxy.wasi_http_incoming_handler();
        let called = exports.call_handle(&mut store, request, out).await;
        called.expect("a handler that does not trap");
        server.idle.lock().expect("no panic").push((store, proxy));
    });
    Ok(receiver.await?.expect("a response"))
}

impl Server {
    async fn instance(&self) -> wasmtime::Result<(Store<State>, Proxy)> {
        let state = State {
            table: ResourceTable::new(),
            wasi: WasiCtx::builder().build(),
            http: WasiHttpCtx::new(),
            hooks: Closed,
            config: WasiConfigVariables::new(),
        };
        let mut store = Store::new(self.ready.engine(), state);
        let proxy = self.ready.instantiate_async(&mut store).await?;
        Ok((store, proxy))
    }
}
