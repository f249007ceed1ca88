//! The HTTP intake: publishing with a plain POST, answered once the message is
//! durable. What is kept where is the broker's.

mod answer;
mod batch;
mod body;
mod line;
mod message;
mod route;
mod server;
mod settings;
mod visitor;

pub use batch::enqueue_line;
pub use server::serve;
pub use settings::{Settings, is_token};
