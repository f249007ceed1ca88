//! What a user sets of the operator's listener.

use std::net::{Ipv4Addr, SocketAddr};

use crate::secret::Secret;

/// The listener for operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where it listens.
    pub address: SocketAddr,
    /// What operators send as their bearer token. Only a loopback address may
    /// go without.
    pub token: Option<Secret>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            address: (Ipv4Addr::LOCALHOST, 8483).into(),
            token: None,
        }
    }
}
