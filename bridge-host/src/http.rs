//! The one place that sends HTTP: one pooled client, its allow list, its
//! errors. It reports, and never retries.

mod allow;
mod body;
mod client;
mod connect;
mod connections;
mod error;
mod http1;
mod http2;
mod pace;
mod pool;
mod race;
mod resolve;
mod retry_after;
mod sending;
mod settings;
mod sniff;
mod target;
mod tls;
mod upload;
mod wire;

pub use crate::secret::Secret;
pub use allow::{Allow, AllowError};
pub use body::ResponseBody;
pub use client::{Client, Options};
pub use error::HttpError;
pub use retry_after::retry_after;
pub use sending::{Sending, Unsent};
pub use settings::{Settings, SettingsError};
pub use upload::Upload;
