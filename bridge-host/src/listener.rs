//! The HTTP server that `admin` and `ingest` share: connections and their limits, access, and
//! answers in JSON. The requests themselves are answered in those rooms.

mod accept;
mod access;
mod access_denied;
mod clock;
mod connection_table;
mod counted_stream;
mod descriptor_reserve;
mod head_memory;
mod json_response;
mod local_access;
mod server;
mod settings;

pub use access::{AccessRule, is_valid_token};
pub use access_denied::AccessDenied;
pub use clock::{has_date, refuse_without_date};
pub use json_response::{json_response, method_not_allowed};
pub use server::{ListenerLimits, Service, serve};
pub use settings::{check_open, token};
