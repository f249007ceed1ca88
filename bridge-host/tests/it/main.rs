//! The tests that drive the real binary, or the library's public face. One
//! binary for all of them: each would link the engine again.

mod harness;

mod admin;
mod arguments;
mod asynchronous;
mod brokers;
mod clocks;
mod compose;
mod composition;
mod config;
mod content;
mod contract;
mod contract_calls;
mod crashes;
mod descriptors;
mod disks;
mod draft;
mod embedded;
mod endpoint_limits;
mod examples;
mod fidelity;
mod forward;
mod guests_of_others;
mod handlers;
mod hoards;
mod http;
mod idle;
mod imports;
mod intake;
mod limits;
mod listener;
mod loops;
mod neighbours;
mod operators;
mod order;
mod poison;
mod produce;
mod readme;
mod requests;
mod retries;
mod settings;
mod start;
mod starting;
mod templates;
mod terminal;
