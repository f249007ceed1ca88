//! The HTTP intake: publishers POST messages, and get an answer once a message is
//! durable. Storing messages stays out: `broker` does it.

mod batch;
mod batch_line;
mod batch_reply;
mod body;
mod body_memory;
mod message;
mod reply;
mod route;
mod server;
mod settings;
mod state;

pub use batch::enqueue_line;
pub use server::{SHUTDOWN_GRACE, serve};
pub use settings::{Settings, Unrouted};
pub use state::{IntakeState, SubscribedTopics};
