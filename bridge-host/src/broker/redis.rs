//! Redis Streams: one stream for each connection, a consumer group for each subscription.
//! The room `delivery` decides what happens to a failed delivery.

mod client;
mod connect;
mod dead_letter;
mod descriptor;
mod durability;
mod entry;
mod entry_id;
mod error;
mod fields;
mod group;
mod keys;
mod lease;
mod outbox;
mod progress;
mod publish;
mod pull;
mod scripts;
mod settings;
mod streams;
mod supply;
mod upkeep;
mod url;

pub use connect::ConnectError;
pub use descriptor::DESCRIPTOR;
pub use settings::{Settings, Tls};
pub use streams::Streams;
pub use url::UrlError;

use super::Capabilities;

/// The capabilities of Redis Streams. The length of a lease is configured (`ack_wait`).
pub const CAPABILITIES: Capabilities = Capabilities {
    durable: true,
    at_least_once: true,
    delayed_retry: true,
    dead_letters: false,
    dead_letter_topics: true,
    ordered: true,
    deduplicates: true,
    shared: true,
    requests: false,
    lease: Some(settings::ACK_WAIT),
};
