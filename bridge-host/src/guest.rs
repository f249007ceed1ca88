//! Components at work: the one room that names wasmtime. It tells what a call
//! showed, and judges nothing.
//!
//! The sub-rooms, from the top floor down; each imports only from those below it.
//!
//! | floor | sub-room | what it does |
//! |---|---|---|
//! | 1 | `runtime` | loads components, and holds what all of them share |
//! | 2 | `component`, `handler` | a component that handles messages; one that answers HTTP requests in process |
//! | 3 | `instance`, `engine` | makes, limits and pools instances; compiles components, and keeps them on disk |
//! | 4 | `interfaces` | the host's side of every import, and the data of a store |
//! | 5 | `exchange` | where a message becomes a request: the states of one request |
//! | 6 | `call` | the record, the clock and the outcome of one call |
//! | 7 | `limits` | counts memory, CPU time and what the host keeps for a component |
//! | 8 | `contract` | what a component is, read from its bytes |

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

pub use call::handle::Handle;
pub use call::outcome::{Call, CallResult, ExchangeRecord, Failure, Outcome, Reply, Unmade};
pub use call::reply::Replies;
pub use component::Component;
pub use exchange::endpoint::Endpoint;
pub use exchange::in_process::HttpHandler;
pub use interfaces::state::{Connections, Environment};
pub use limits::held::Excess;
pub use limits::settings::{Folder, Limits, Permissions, WASM_PAGE, WASM_PAGES};
pub use runtime::{Runtime, RuntimeError, Thread};
