//! The forms, started: what handles the messages, and the handler it asks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bridge_host::broker::{Settlement, Subscription};
use bridge_host::compose::{ADAPTER, ChainPart, compose_to_http};
use bridge_host::guest::contract::{Contract, MessageHandlerProfile};
use bridge_host::guest::{Component, Endpoint, Environment, Limits, Permissions, Runtime, Thread};
use bridge_host::http::{AllowList, Settings};

use super::server;

/// Through which `wasi:http` the handler answers.
#[derive(Clone, Copy)]
pub enum Http {
    V02,
    V03,
}

/// How the handler is reached.
#[derive(Clone, Copy)]
pub enum Form {
    /// In one component with the adapter.
    Composed,
    /// In a store of this process, as `to = { component = … }` does: in one that
    /// answers one request after the other.
    InProcess,
    /// In a new one for each request.
    NewInstance,
    /// By a server of this process, over a socket.
    Loopback,
}

/// What is asked of the handler.
#[derive(Clone, Copy)]
pub enum Work {
    /// The order service of the examples.
    Orders,
    /// Half a second, so that all requests are there at once.
    Slow,
}

impl Http {
    pub fn name(self) -> &'static str {
        match self {
            Self::V02 => "wasi:http 0.2",
            Self::V03 => "wasi:http 0.3",
        }
    }

    /// How it can be reached; over a socket last. What is synchronous does not
    /// compose: it imports a client, not a handler.
    pub fn forms(self) -> &'static [Form] {
        match self {
            Self::V02 => &[Form::NewInstance, Form::InProcess, Form::Loopback],
            Self::V03 => &[Form::Composed, Form::InProcess, Form::Loopback],
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

impl Form {
    pub fn name(self) -> &'static str {
        match self {
            Self::Composed => "composed",
            Self::InProcess => "in process",
            Self::NewInstance => "new instance",
            Self::Loopback => "loopback",
        }
    }

    /// How each message ends. What could have asked others, and did not, counts
    /// as a filter: composed, the host sees no exchange.
    pub fn settlement(self, work: Work) -> Settlement {
        match (self, work) {
            (Self::Composed, Work::Slow) => Settlement::Filtered,
            _ => Settlement::Delivered,
        }
    }

    /// Ready for messages.
    pub fn start(self, http: Http, work: Work) -> Arc<Component> {
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

fn environment(url: &str) -> Environment {
    Environment {
        settings: BTreeMap::from([("to.url".into(), url.into())]),
        connections: Arc::default(),
        allow: Arc::new(AllowList::default().with_endpoint(&url.parse().expect("a URL"))),
        endpoint: None,
        permissions: Permissions::default(),
        limits: Limits::default(),
    }
}

fn guest(name: &str) -> PathBuf {
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/guests");
    guests.join(name).with_extension("wasm")
}

/// Orders, as many as are wanted, each to end so.
pub fn queue(
    messages: usize,
    expected: Settlement,
) -> (Box<dyn Subscription>, impl Future<Output = ()>) {
    let mut message = crate::memory::message();
    message.data = br#"{"id": 1, "amount": 250}"#.as_slice().into();
    crate::memory::queue(message, messages, expected)
}
