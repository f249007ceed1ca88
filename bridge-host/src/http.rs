//! Sends HTTP: one client with a connection pool, its allow list and its errors. No other room
//! sends HTTP. The client sends a request once; `delivery` retries.

mod allow;
mod body;
mod client;
mod connect;
mod connection_limit;
mod connection_stream;
mod error;
mod http1;
mod http2;
mod options;
mod pending_request;
mod pool;
mod race;
mod resolve;
mod retry_after;
mod settings;
mod sniffer;
mod target;
mod thread_load;
mod tls;
mod transport;
mod upload;

pub use crate::secret::Secret;
pub use allow::{AllowEntryError, AllowList};
pub use body::ResponseBody;
pub use client::Client;
pub use error::HttpError;
pub use options::RequestOptions;
pub use pending_request::{PendingRequest, UnsentRequest};
pub use retry_after::retry_after;
pub use settings::{Settings, SettingsError};
pub use upload::Upload;
