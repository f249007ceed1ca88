//! The host's implementation of every interface that a component may import, and the data of a
//! wasmtime store. Creating and calling an instance is in `instance`, `component` and `handler`.

mod caller;
mod concurrent;
mod config_store;
pub(super) mod draft;
mod fields;
mod host_body;
pub(super) mod linker;
mod logging;
pub(super) mod messaging;
mod request_hook;
pub(super) mod state;
mod stdio;
mod wall_clock;
mod wasi_outgoing_handler;
