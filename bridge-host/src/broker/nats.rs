//! NATS, as two brokers over one kind of connection: core, which forgets what
//! it has sent, and JetStream, which keeps it. What becomes of a failed
//! delivery is decided in `delivery`.

mod api;
mod auth;
mod backlog;
mod configured;
mod connect;
mod consumer;
mod core;
mod core_subscription;
mod describe;
mod error;
mod flow;
mod fullness;
mod group;
mod header;
mod headers;
mod jetstream;
mod lease;
mod letters;
mod located;
mod origin;
mod progress;
mod pull;
mod raw;
mod reader;
mod request;
mod rescue;
mod session;
mod settings;
mod silence;
mod stream;
mod subject;
mod supply;
mod unreadable;
mod watched;

pub use configured::{CORE_NATS, JETSTREAM_ON_NATS};
pub use core::Core;
pub use jetstream::JetStream;
pub use session::ConnectError;
pub use settings::{Auth, Consumer, JetStreamSettings, Settings, Storage, Stream, Tls};
pub use subject::{check_name, check_subject, legal_name};

use super::Capabilities;

/// What core NATS can do.
pub const CORE: Capabilities = Capabilities {
    durable: false,
    at_least_once: false,
    delayed_retry: false,
    dead_letters: false,
    letter_topics: false,
    ordered: false,
    deduplicates: false,
    shared: true,
    requests: true,
    lease: None,
};

/// What JetStream can do. How long its lease is, is configured.
pub const JETSTREAM: Capabilities = Capabilities {
    durable: true,
    at_least_once: true,
    delayed_retry: true,
    dead_letters: false,
    letter_topics: true,
    ordered: true,
    deduplicates: true,
    shared: true,
    requests: false,
    lease: Some(settings::ACK_WAIT),
};
