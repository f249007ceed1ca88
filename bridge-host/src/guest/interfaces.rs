//! The host's side of every interface that a component may import, and the data of
//! the store behind them. How an instance is made and called stays out.

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
