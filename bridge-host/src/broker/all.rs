//! The list of all kinds of brokers in this build.
//!
//! No other file lists them.

use super::Descriptor;
use super::embedded;
#[cfg(feature = "nats")]
use super::nats;
#[cfg(feature = "redis")]
use super::redis;

/// The descriptors of all kinds of brokers. Each kind has a folder beside this file.
pub const ALL: &[&Descriptor] = &[
    &embedded::DESCRIPTOR,
    #[cfg(feature = "nats")]
    &nats::CORE_DESCRIPTOR,
    #[cfg(feature = "nats")]
    &nats::JETSTREAM_DESCRIPTOR,
    #[cfg(feature = "redis")]
    &redis::DESCRIPTOR,
];
