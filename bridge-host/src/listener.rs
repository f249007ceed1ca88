//! What the HTTP servers of the bridge share: connections and their limits,
//! who may come in, answers in JSON. What is served stays out: that is `admin`
//! and `ingest`.

mod accept;
mod access;
mod answer;
mod clock;
mod denied;
mod heads;
mod reserve;
mod seats;
mod server;
mod settings;
mod stream;
mod visitor;

pub use access::{Access, is_token};
pub use answer::{not_allowed, status};
pub use clock::{has_date, refuse_without_date};
pub use denied::Denied;
pub use server::{Limits, Service, serve};
pub use settings::{check_open, token};
