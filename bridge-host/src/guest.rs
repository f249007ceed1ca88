//! WebAssembly components: reading, compiling, instantiating and calling them. Only this room uses
//! wasmtime. It reports what a call did; `delivery` decides what follows.
//!
//! The sub-rooms, from the top floor down; each imports only from those below it.
//!
//! | floor | sub-room | what it does |
//! |---|---|---|
//! | 1 | `runtime` | loads components, and holds the state that all components share |
//! | 2 | `component`, `handler` | a component that handles messages; one that answers HTTP requests in process |
//! | 3 | `instance`, `engine` | creates, limits and pools instances; compiles components, and caches them on disk |
//! | 4 | `interfaces` | the host's implementation of every import, and the data of a wasmtime store |
//! | 5 | `exchange` | the states of one HTTP request |
//! | 6 | `call` | the record, the clock and the outcome of one call |
//! | 7 | `limits` | counts a component's memory, CPU time and the resources that the host keeps for it |
//! | 8 | `contract` | the kind and the interfaces of a component, read from its bytes |

mod runtime;

mod component;
mod handler;

mod engine;
mod instance;

mod interfaces;

mod exchange;

mod call;

mod limits;

pub mod contract;

pub use call::message_handler::MessageHandler;
pub use call::outcome::{Call, CallResult, ExchangeRecord, Failure, Outcome, Reply, Unprocessed};
pub use call::reply_settings::ReplySettings;
pub use component::Component;
pub use exchange::endpoint::Endpoint;
pub use exchange::in_process::HttpHandler;
pub use interfaces::state::{Connections, Environment};
pub use limits::host_resources::ResourceExcess;
pub use limits::settings::{Folder, Limits, Permissions, WASM_PAGE, WASM_PAGES};
pub use runtime::{Runtime, RuntimeError, Thread};
