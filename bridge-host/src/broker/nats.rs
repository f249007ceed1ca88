//! NATS, as two brokers over the same kind of connection: core NATS, which keeps no messages, and
//! JetStream, which keeps them in streams.
//!
//! The room `delivery` decides what happens to a failed delivery.

mod ack_progress;
mod ack_subject;
mod auth;
mod client;
mod consumer;
mod consumer_flow;
mod consumer_ref;
mod consumer_watch;
mod core;
mod core_subscription;
mod dead_letter;
mod decoder;
mod describe;
mod descriptor;
mod dropped;
mod error;
mod fullness;
mod group;
mod header;
mod headers;
mod jetstream;
mod jetstream_api;
mod lease;
mod pull;
mod raw;
mod request;
mod session;
mod settings;
mod silence;
mod stream;
mod subject;
mod supply;
mod unreadable;
mod unreadable_search;

pub use core::CoreNats;
pub use descriptor::{CORE_DESCRIPTOR, JETSTREAM_DESCRIPTOR};
pub use jetstream::JetStream;
pub use session::ConnectError;
pub use settings::{Auth, Consumer, JetStreamSettings, Settings, Storage, Stream, Tls};
pub use subject::{check_name, check_subject, legal_name};

use super::Capabilities;

/// The capabilities of core NATS.
pub const CORE_CAPABILITIES: Capabilities = Capabilities {
    durable: false,
    at_least_once: false,
    delayed_retry: false,
    dead_letters: false,
    dead_letter_topics: false,
    ordered: false,
    deduplicates: false,
    shared: true,
    requests: true,
    lease: None,
};

/// The capabilities of JetStream. The length of a lease is configured (`ack_wait`).
pub const JETSTREAM_CAPABILITIES: Capabilities = Capabilities {
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
