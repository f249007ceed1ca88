//! The two forms, started: the adapter, and the handler that it asks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bridge_host::broker::Subscription;
use bridge_host::compose::ADAPTER;
use bridge_host::guest::contract::{Contract, Handler};
use bridge_host::guest::{Component, Endpoint, Environment, Grant, Limits, Runtime};
use bridge_host::http::{Allow, Settings};

use super::server;

/// How the handler is reached.
#[derive(Clone, Copy)]
pub enum Form {
    /// In a store of this process, as `to = { component = … }` does.
    InProcess,
    /// By a server of this process, over a socket.
    Loopback,
}

/// A form that is ready for messages.
pub struct Started {
    pub adapter: Arc<Component>,
}

impl Form {
    pub fn start(self, (component, path): (&str, &str)) -> Started {
        let file = guest(component);
        let cache = std::env::temp_dir().join("bridge-host-bench");
        let runtime = Runtime::new(&cache, 8 << 30, &Settings::default()).expect("a runtime");
        let authority = match self {
            Self::InProcess => "handler.internal".into(),
            Self::Loopback => server::start(&file).to_string(),
        };
        let url = format!("http://{authority}{path}");
        let mut environment = environment(&url);
        if let Self::InProcess = self {
            let bytes = std::fs::read(&file).expect("a component");
            let contract = Contract::read(component, &bytes).expect("a component");
            let kind = (contract.answers().expect("a handler"), contract.model());
            let handler = runtime.load_handler(component, &bytes, kind, environment.clone());
            let pairs = environment.settings.iter();
            environment.endpoint = Some(Arc::new(Endpoint {
                settings: mapping::Settings::from_pairs(pairs).expect("settings"),
                handler: Some(handler.expect("a handler")),
                replies: None,
            }));
        }
        let adapter = runtime.load("adapter", ADAPTER, Handler::ADAPTER, environment);
        Started {
            adapter: Arc::new(adapter.expect("the adapter")),
        }
    }
}

fn environment(url: &str) -> Environment {
    Environment {
        settings: BTreeMap::from([("to.url".into(), url.into())]),
        connections: Arc::default(),
        allow: Arc::new(Allow::default().with_endpoint(&url.parse().expect("a URL"))),
        endpoint: None,
        grant: Grant::default(),
        limits: Limits::default(),
    }
}

fn guest(name: &str) -> PathBuf {
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/guests");
    guests.join(name).with_extension("wasm")
}

/// Orders, as many as are wanted.
pub fn queue(messages: usize) -> (Box<dyn Subscription>, impl Future<Output = ()>) {
    let mut message = crate::memory::message();
    message.data = br#"{"id": 1, "amount": 250}"#.as_slice().into();
    crate::memory::queue(message, messages)
}
