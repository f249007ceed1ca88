//! The HTTP intake: publishing with a plain POST, answered once the message is
//! durable. What is kept where is the broker's.

mod answer;
mod answers;
mod batch;
mod body;
mod line;
mod memory;
mod message;
mod publishing;
mod route;
mod server;
mod settings;

pub use batch::enqueue_line;
pub use publishing::{Publishing, Routes};
pub use server::{GRACE, serve};
pub use settings::{Settings, Unrouted};
