//! Delivers messages from brokers to HTTP endpoints, through WebAssembly components.
//!
//! The modules are listed from the top floor down, one floor to a paragraph. A module
//! imports only from lower floors, with two exceptions: `ingest` uses `admin`, and
//! `compose` uses `guest::contract`. ARCHITECTURE.md says what each module does.

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
