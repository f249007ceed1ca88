//! Components at work: the one room that names wasmtime. It tells what a call
//! showed, and judges nothing.

mod asynchronous;
mod body;
mod budget;
mod cache;
mod calls;
mod component;
mod concurrent;
mod config_store;
pub mod contract;
mod denied;
mod draft;
mod endpoint;
mod engine;
mod fields;
mod handler;
mod held;
mod host_body;
mod http;
mod instance;
mod linker;
mod logging;
mod messaging;
mod meter;
mod outcome;
mod outgoing;
mod pool;
mod receiver;
mod response;
mod runtime;
mod settings;
mod state;
mod stdio;
mod tick;
mod time;
mod trace;
mod wall_clock;

pub use component::Component;
pub use endpoint::{Endpoint, Replies};
pub use handler::HttpHandler;
pub use held::Excess;
pub use outcome::{Call, CallResult, Exchange, Failure, Outcome, Reply, Unmade};
pub use runtime::{Runtime, RuntimeError, Thread};
pub use settings::{Folder, Grant, Limits, WASM_PAGE, WASM_PAGES};
pub use state::{Connections, Environment};

use futures_util::future::BoxFuture;

/// Whatever handles messages: a pool of a component's instances here, a
/// script of outcomes in the simulations of `delivery`.
pub trait Handle: Send + Sync {
    /// Makes one attempt: it ends within the call's timeout, counted from when
    /// there is an instance for it. Dropped before its end, it stops the component.
    fn handle(&self, call: Call) -> BoxFuture<'_, Outcome>;
}
