//! Handlers of `wasi:http/handler@0.3`.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};

use http::Request;
use tokio::sync::oneshot;
use tokio::task::spawn_local;
use wasmtime::Result;
use wasmtime::component::{Accessor, InstancePre};
use wasmtime_wasi_http::p3::bindings::{Service, ServicePre};
use wasmtime_wasi_http::{WasiBody, WasiHttpView, p3};

use super::{Answer, HandlerServer, Idle, State, store};

pub struct Services {
    ready: ServicePre<State>,
    idle: Idle<Service>,
}

impl Services {
    pub fn new(ready: InstancePre<State>) -> Arc<Self> {
        let ready = ServicePre::new(ready).expect("a handler");
        let idle = Mutex::default();
        Arc::new(Self { ready, idle })
    }
}

impl HandlerServer for Services {
    async fn answer(self: Arc<Self>, request: Request<WasiBody>) -> Result<Answer> {
        let idle = self.idle.lock().expect("no panic").pop();
        let (mut store, service) = match idle {
            Some(instance) => instance,
            None => {
                let mut store = store(self.ready.engine());
                let service = self.ready.instantiate_async(&mut store).await?;
                (store, service)
            }
        };
        let (sender, receiver) = oneshot::channel();
        spawn_local(async move {
            let called = store.run_concurrent(async |store| -> Result<()> {
                let answer = respond(&service, store, request).await?;
                sender.send(answer).ok();
                poll_fn(|cx| store.poll_no_interesting_tasks(cx)).await;
                Ok(())
            });
            let called = called.await.flatten();
            called.expect("a handler that does not trap");
            self.idle.lock().expect("no panic").push((store, service));
        });
        Ok(receiver.await?)
    }
}

async fn respond(
    service: &Service,
    store: &Accessor<State>,
    request: Request<WasiBody>,
) -> Result<Answer> {
    let request = store.with(|mut store| {
        let http = store.data_mut().http();
        p3::Request::from_http(http.hooks, request).0
    });
    let response = service.handle(store, request).await?;
    let response = response.expect("a response");
    store.with(|store| response.into_http(store, async { Ok(()) }))
}
