//! What a user sets of the HTTP intake.

use std::net::{Ipv4Addr, SocketAddr};

use crate::http::Secret;

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
    /// The most data that one message may have, in bytes. The broker's own
    /// limit holds too.
    pub max_body: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            address: (Ipv4Addr::LOCALHOST, 8484).into(),
            token: None,
            into: "embedded".into(),
            max_body: 64 << 20,
        }
    }
}
