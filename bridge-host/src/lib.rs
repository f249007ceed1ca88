//! Carries messages from brokers through WebAssembly components to HTTP. The
//! rooms, from the top floor down; each imports only from those below it.

pub mod cli;

pub mod host;

pub mod config;

pub mod admin;
pub mod ingest;

pub mod delivery;

pub mod compose;
pub mod guest;
pub mod listener;

pub mod broker;
pub mod http;

pub mod store;

pub mod schema;

pub mod files;
pub mod message;
pub mod printable;
pub mod secret;
pub mod trouble;

/// Delivering a message takes about a hundred small allocations, which mimalloc makes
/// cheaper.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
