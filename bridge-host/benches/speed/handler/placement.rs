//! The ways to reach a handler: what handles the messages, and the handler behind
//! it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bridge_host::broker::{Settlement, Subscription};
use bridge_host::compose::{ADAPTER, ChainPart, compose_to_http};
use bridge_host::guest::contract::{Contract, MessageHandlerProfile};
use bridge_host::guest::{Component, Endpoint, Environment, Runtime, Thread};
use bridge_host::http::Settings;

use super::server;
use crate::bridge::environment;

/// The version of `wasi:http` that the handler exports.
#[derive(Clone, Copy)]
pub enum HttpVersion {
    V02,
    V03,
}

/// Where the handler runs.
#[derive(Clone, Copy)]
pub enum Placement {
    /// In one component with the adapter.
    Composed,
    /// In a wasmtime store of this process, as with `to = { component = … }` and
    /// `reuse = true`: an instance answers one request after the other.
    InProcess,
    /// In a new instance for each request.
    NewInstance,
    /// In a server in this process, behind a socket.
    Loopback,
}

/// What the handler does.
#[derive(Clone, Copy)]
pub enum Work {
    /// The order service of the examples.
    Orders,
    /// Half a second of waiting, so that all requests are in flight at once.
    Slow,
}

impl HttpVersion {
    pub fn name(self) -> &'static str {
        match self {
            Self::V02 => "wasi:http 0.2",
            Self::V03 => "wasi:http 0.3",
        }
    }

    /// Returns the possible placements; the one behind a socket comes last. A
    /// synchronous handler cannot be composed with the adapter, because the
    /// adapter imports a client, not a handler.
    pub fn placements(self) -> &'static [Placement] {
        match self {
            Self::V02 => &[
                Placement::NewInstance,
                Placement::InProcess,
                Placement::Loopback,
            ],
            Self::V03 => &[
                Placement::Composed,
                Placement::InProcess,
                Placement::Loopback,
            ],
        }
    }

    fn handler(self, work: Work) -> (&'static str, &'static str) {
        match (self, work) {
            (Self::V02, Work::Orders) => ("orders", "/orders"),
            (Self::V03, Work::Orders) => ("async-orders", "/orders"),
            (Self::V02, Work::Slow) => ("responder", "/wait?500"),
            (Self::V03, Work::Slow) => ("service", "/wait?500"),
        }
    }
}

impl Placement {
    pub fn name(self) -> &'static str {
        match self {
            Self::Composed => "composed",
            Self::InProcess => "in process",
            Self::NewInstance => "new instance",
            Self::Loopback => "loopback",
        }
    }

    /// Returns how each message is settled. A composed component that makes no
    /// exchange counts as a filter, because the host sees no exchange.
    pub fn settlement(self, work: Work) -> Settlement {
        match (self, work) {
            (Self::Composed, Work::Slow) => Settlement::Filtered,
            _ => Settlement::Delivered,
        }
    }

    /// Starts the handler, and returns what handles the messages.
    pub fn start(self, http: HttpVersion, work: Work) -> Arc<Component> {
        let (name, path) = http.handler(work);
        let file = guest(name);
        let bytes = std::fs::read(&file).expect("a component");
        let authority = match self {
            Self::Composed | Self::InProcess | Self::NewInstance => "handler.internal".into(),
            Self::Loopback => server::start(http, &file).to_string(),
        };
        let environment = environment(&format!("http://{authority}{path}"));
        let cache = std::env::temp_dir().join("bridge-host-bench");
        let runtime = Runtime::new(&cache, 8 << 30, &Settings::default()).expect("a runtime");
        let component = match self {
            Self::Composed => composed(
                &runtime,
                ChainPart {
                    name,
                    bytes: &bytes,
                },
                environment,
            ),
            Self::InProcess | Self::NewInstance => in_process(
                &runtime,
                ChainPart {
                    name,
                    bytes: &bytes,
                },
                environment,
                matches!(self, Self::NewInstance),
            ),
            Self::Loopback => adapter(&runtime, environment),
        };
        Arc::new(component)
    }
}

fn adapter(runtime: &Runtime, environment: Environment) -> Component {
    let adapter = runtime.load(
        "adapter",
        ADAPTER,
        MessageHandlerProfile::ADAPTER,
        environment,
        Thread(0),
    );
    adapter.expect("the adapter")
}

fn composed(runtime: &Runtime, part: ChainPart<'_>, environment: Environment) -> Component {
    let bytes = compose_to_http(&[part]).expect("what composes");
    let contract = Contract::read(part.name, &bytes).expect("a component");
    let handler = contract.message_handler().expect("a consumer");
    let composed = runtime.load(part.name, &bytes, handler, environment, Thread(0));
    composed.expect("a consumer")
}

fn in_process(
    runtime: &Runtime,
    part: ChainPart<'_>,
    mut environment: Environment,
    reuse: bool,
) -> Component {
    let contract = Contract::read(part.name, part.bytes).expect("a component");
    let answering = contract.http_handler().expect("a handler");
    let mut its_own = environment.clone();
    its_own.limits.reuse = reuse;
    let handler = runtime.load_handler(part.name, part.bytes, answering, its_own, Thread(0));
    let pairs = environment.settings.iter();
    environment.endpoint = Some(Arc::new(Endpoint {
        settings: mapping::Settings::from_pairs(pairs).expect("settings"),
        handler: Some(handler.expect("a handler")),
        replies: None,
    }));
    adapter(runtime, environment)
}

fn guest(name: &str) -> PathBuf {
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/guests");
    guests.join(name).with_extension("wasm")
}

/// Returns a queue of orders, each with the expected settlement.
pub fn queue(
    messages: usize,
    expected: Settlement,
) -> (Box<dyn Subscription>, impl Future<Output = ()>) {
    let mut message = crate::memory::message();
    message.data = br#"{"id": 1, "amount": 250}"#.as_slice().into();
    crate::memory::queue(message, messages, expected)
}
