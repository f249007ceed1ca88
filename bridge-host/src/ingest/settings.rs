//! What a user sets of the HTTP intake.

use std::net::{Ipv4Addr, SocketAddr};

use crate::secret::Secret;

/// The listener for publishers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where it listens.
    pub address: SocketAddr,
    /// What publishers send as their bearer token. Only a loopback address
    /// may go without.
    pub token: Option<Secret>,
    /// The connection that messages are published to.
    pub into: String,
    /// What becomes of messages that no subscription takes.
    pub unrouted: Unrouted,
    /// The most data that one message may have, in bytes. The broker's own
    /// limit holds too.
    pub max_body: u64,
}

/// What becomes of a message that no subscription takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unrouted {
    /// It is kept like any other: a subscription that is added in time has it.
    Keep,
    /// Its publisher is told.
    Refuse,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            address: (Ipv4Addr::LOCALHOST, 8484).into(),
            token: None,
            into: "embedded".into(),
            unrouted: Unrouted::Keep,
            max_body: 64 << 20,
        }
    }
}
