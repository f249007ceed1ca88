//! The one place that sends HTTP: one pooled client, its allow list, its
//! errors. It reports, and never retries.

mod allow;
mod body;
mod client;
mod connect;
mod error;
mod http1;
mod pace;
mod pool;
mod retry_after;
mod secret;
mod settings;
mod target;
mod tls;

pub use allow::{Allow, AllowError};
pub use body::ResponseBody;
pub use client::{Client, Options, Sending};
pub use error::HttpError;
pub use retry_after::retry_after;
pub use secret::Secret;
pub use settings::{Settings, SettingsError};
