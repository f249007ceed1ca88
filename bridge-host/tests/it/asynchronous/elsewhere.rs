//! A composed consumer in another host: a plain linker with the standard interfaces, which calls
//! the export.

use std::process::Command;

use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use tempfile::TempPath;
use wasmtime::component::{Component, HasSelf, Linker, Resource, ResourceTable};
use wasmtime::{Engine, Result, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_config::{WasiConfig, WasiConfigVariables};
use wasmtime_wasi_http::{
    Error as HttpError, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
    WasiHttpView,
};

use super::files::consumer;
use crate::guests_of_others::wac;
use crate::harness::{binary, guest};

mod bindings {
    wasmtime::component::bindgen!({
        path: ["../wit/deps/config", "../wit/deps/messaging", "../wit/async"],
        inline: "
            package test:elsewhere;
            world elsewhere {
                import wasi:messaging/types@0.2.0-draft;
                export bridge:messaging/incoming-handler@0.1.0;
            }
        ",
        imports: { default: trappable },
        exports: { default: async | store },
        with: {
            "wasi:messaging/types.message": super::Held,
            "wasi:messaging/types.client": super::NoClient,
        },
    });
}

use bindings::Elsewhere;
use bindings::wasi::messaging::types::{Error, Host, HostClient, HostMessage, add_to_linker};

/// A minimal message.
pub struct Held {
    topic: String,
    data: Vec<u8>,
}

/// The resource `client`. This host has no brokers.
pub struct NoClient;

struct State {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    network: Network,
    config: WasiConfigVariables,
}

/// Answers 204 to every request, and records the requests.
#[derive(Default)]
struct Network(Vec<String>);

type Io = Box<dyn Future<Output = Result<(), HttpError>> + Send>;

impl WasiHttpHooks for Network {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Io,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Io), HttpError>> + Send> {
        self.0.push(request.uri().to_string());
        Box::new(async move {
            request.into_body().collect().await?;
            let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
            let mut response = Response::new(body);
            *response.status_mut() = http::StatusCode::NO_CONTENT;
            Ok((response, Box::new(async { Ok(()) }) as Io))
        })
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
            hooks: &mut self.network,
        }
    }
}

impl Host for State {}

impl HostClient for State {
    fn connect(&mut self, name: String) -> Result<Result<Resource<NoClient>, Error>> {
        Ok(Err(Error::Connection(name)))
    }

    fn drop(&mut self, client: Resource<NoClient>) -> Result<()> {
        self.table.delete(client)?;
        Ok(())
    }
}

impl HostMessage for State {
    fn new(&mut self, topic: String, data: Vec<u8>) -> Result<Resource<Held>> {
        Ok(self.table.push(Held { topic, data })?)
    }

    fn topic(&mut self, this: Resource<Held>) -> Result<String> {
        Ok(self.table.get(&this)?.topic.clone())
    }

    fn set_topic(&mut self, this: Resource<Held>, topic: String) -> Result<()> {
        self.table.get_mut(&this)?.topic = topic;
        Ok(())
    }

    fn content_type(&mut self, _: Resource<Held>) -> Result<Option<String>> {
        Ok(None)
    }

    fn set_content_type(&mut self, _: Resource<Held>, _: String) -> Result<()> {
        Ok(())
    }

    fn data(&mut self, this: Resource<Held>) -> Result<Vec<u8>> {
        Ok(self.table.get(&this)?.data.clone())
    }

    fn set_data(&mut self, this: Resource<Held>, data: Vec<u8>) -> Result<()> {
        self.table.get_mut(&this)?.data = data;
        Ok(())
    }

    fn metadata(&mut self, _: Resource<Held>) -> Result<Option<Vec<(String, String)>>> {
        Ok(None)
    }

    fn add_metadata(&mut self, _: Resource<Held>, _: String, _: String) -> Result<()> {
        Ok(())
    }

    fn drop(&mut self, this: Resource<Held>) -> Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

/// Lets the component handle these orders at the same time. Returns the results, and the requests
/// that were sent. Checks that the resource table is empty afterwards.
async fn handle(file: &std::path::Path, orders: &[&str]) -> (Vec<Result<(), String>>, Vec<String>) {
    let engine = Engine::default();
    let mut linker = Linker::<State>::new(&engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker).expect("wasi 0.2");
    wasmtime_wasi::p3::add_to_linker(&mut linker).expect("wasi 0.3");
    wasmtime_wasi_http::p3::add_to_linker(&mut linker).expect("wasi:http");
    wasmtime_wasi_config::add_to_linker(&mut linker, |state: &mut State| {
        WasiConfig::new(&state.config)
    })
    .expect("wasi:config");
    add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state).expect("wasi:messaging");
    let url = "http://composed.internal/orders";
    let state = State {
        table: ResourceTable::new(),
        wasi: WasiCtx::builder().build(),
        http: WasiHttpCtx::new(),
        network: Network::default(),
        config: [("to.url", url), ("minimum", "100")].into_iter().collect(),
    };
    let mut store = Store::new(&engine, state);
    let component = Component::from_file(&engine, file).expect("a component");
    let bindings = Elsewhere::instantiate_async(&mut store, &component, &linker).await;
    let bindings = bindings.expect("all that it imports is standard");
    let messages: Vec<_> = orders
        .iter()
        .map(|order| {
            let (topic, data) = ("orders".into(), order.as_bytes().to_vec());
            store.data_mut().table.push(Held { topic, data })
        })
        .collect::<Result<_, _>>()
        .expect("room");
    let handler = bindings.bridge_messaging_incoming_handler();
    let results = store.run_concurrent(async |store| {
        let calls = messages.into_iter();
        let calls = calls.map(|message| handler.call_handle(store, message));
        futures_util::future::join_all(calls).await
    });
    let results = results.await.expect("no trap").into_iter();
    let results = results.map(|it| it.expect("no trap").map_err(|error| error.to_string()));
    let results = results.collect();
    assert!(store.data().table.is_empty());
    (results, std::mem::take(&mut store.data_mut().network.0))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_with_its_handler_runs_in_another_host() {
    let file = consumer(&["async-filter", "async-orders"]);
    let small = "{\"id\":1,\"amount\":5}";
    let good = "{\"id\":2,\"amount\":250}";
    let bad = "{\"id\":-2,\"amount\":250}";
    let (results, requests) = handle(file.path(), &[small, good, bad, good]).await;
    let [Ok(()), Ok(()), Err(error), Ok(())] = &results[..] else {
        panic!("{results:?}");
    };
    assert!(error.contains("400"), "{error}");
    assert!(requests.is_empty(), "{requests:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_without_a_handler_asks_the_network_in_another_host() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    for kind in ["forward-async", "client-as-handler"] {
        let written = Command::new(binary())
            .args(["adapter", "--kind", kind, "-o"])
            .arg(path(kind))
            .status();
        assert!(written.expect("the tool runs").success());
    }
    let size = std::fs::metadata(path("client-as-handler"))
        .expect("it")
        .len();
    assert!(size < 4000, "{size} bytes");
    let plugged = plug(&path("forward-async"), &path("client-as-handler"));
    let whole = plug(&guest("async-filter"), &plugged);
    let small = "{\"id\":1,\"amount\":5}";
    let good = "{\"id\":2,\"amount\":250}";
    let (results, requests) = handle(&whole, &[good, small, good]).await;
    assert_eq!(results, [Ok(()), Ok(()), Ok(())]);
    assert_eq!(requests, ["http://composed.internal/orders"; 2]);
}

/// Composes two components with `wac plug`.
fn plug(socket: &std::path::Path, plug: &std::path::Path) -> TempPath {
    let out = tempfile::NamedTempFile::new().expect("a file");
    let out = out.into_temp_path();
    let plugged = Command::new(wac())
        .arg("plug")
        .arg(socket)
        .arg("--plug")
        .arg(plug)
        .arg("-o")
        .arg(&out)
        .output()
        .expect("wac runs");
    let stderr = String::from_utf8_lossy(&plugged.stderr);
    assert!(plugged.status.success(), "{stderr}");
    out
}
