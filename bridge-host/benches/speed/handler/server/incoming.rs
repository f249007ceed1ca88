//! Handlers of `wasi:http/incoming-handler@0.2`.

use std::sync::{Arc, Mutex};

use http::Request;
use tokio::sync::oneshot;
use tokio::task::spawn_local;
use wasmtime::component::InstancePre;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::p2::bindings::{Proxy, ProxyPre};
use wasmtime_wasi_http::{WasiBody, WasiHttpView};

use super::{Answer, HandlerServer, Idle, State, store};

pub struct Proxies {
    ready: ProxyPre<State>,
    idle: Idle<Proxy>,
}

impl Proxies {
    pub fn new(ready: InstancePre<State>) -> Arc<Self> {
        let ready = ProxyPre::new(ready).expect("a handler");
        let idle = Mutex::default();
        Arc::new(Self { ready, idle })
    }
}

impl HandlerServer for Proxies {
    async fn answer(self: Arc<Self>, request: Request<WasiBody>) -> wasmtime::Result<Answer> {
        let idle = self.idle.lock().expect("no panic").pop();
        let (mut store, proxy) = match idle {
            Some(instance) => instance,
            None => {
                let mut store = store(self.ready.engine());
                let proxy = self.ready.instantiate_async(&mut store).await?;
                (store, proxy)
            }
        };
        let (sender, receiver) = oneshot::channel();
        let mut http = store.data_mut().http();
        let request = http.new_incoming_request(Scheme::Http, request)?;
        let out = http.new_response_outparam(sender)?;
        spawn_local(async move {
            let exports = proxy.wasi_http_incoming_handler();
            let called = exports.call_handle(&mut store, request, out).await;
            called.expect("a handler that does not trap");
            self.idle.lock().expect("no panic").push((store, proxy));
        });
        Ok(receiver.await?.expect("a response"))
    }
}
