//! The embedded broker: durable queues in one SQLite file, for those who have
//! no broker yet.

mod settings;

pub use settings::{Retention, Settings};
