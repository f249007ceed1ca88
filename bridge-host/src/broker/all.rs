//! The only list of the kinds of brokers in this build.

use super::Descriptor;
use super::embedded;
#[cfg(feature = "nats")]
use super::nats;
#[cfg(feature = "redis")]
use super::redis;

/// All kinds of brokers. Each is a folder beside this file.
pub const ALL: &[&Descriptor] = &[
    &embedded::DESCRIPTOR,
    #[cfg(feature = "nats")]
    &nats::CORE_DESCRIPTOR,
    #[cfg(feature = "nats")]
    &nats::JETSTREAM_DESCRIPTOR,
    #[cfg(feature = "redis")]
    &redis::DESCRIPTOR,
];
