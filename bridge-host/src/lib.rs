//! Carries messages from brokers through WebAssembly components to HTTP. The
//! rooms, from the top floor down; each imports only from those below it.

pub mod broker;
pub mod compose;
pub mod delivery;
pub mod guest;
pub mod http;
pub mod message;
