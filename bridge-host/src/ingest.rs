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

pub use batch::publish_line;
pub use server::serve;
pub use settings::Settings;
