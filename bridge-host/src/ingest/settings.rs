//! What a user sets of the HTTP intake. Whether its connection can do what is
//! asked stays out: `config` knows the connections.

use std::net::SocketAddr;

use crate::listener;
use crate::schema::{self, Secret, Section, Words, choice, connection, socket_address};
use crate::settings;

settings! {
    /// The listener for publishers.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Settings in "[intake]" {
        /// IP address and port to listen on.
        address: SocketAddr = socket_address().default("\"127.0.0.1:8484\"");
        /// What publishers send as their bearer token; secret. Required when the address is not loopback.
        token: Option<Secret> = listener::token();
        /// The connection that messages are published to; its `max_message_size` holds here too.
        publish_to: String = connection().default("\"embedded\"");
        /// What happens to a message whose topic no subscription takes: `"keep"` counts it in the ledger and
        /// keeps it until retention removes it, `"refuse"` answers 422. `"refuse"` requires that `publish_to` names an
        /// embedded broker.
        unrouted: Unrouted = choice().default("\"keep\"");
        /// The most data that one message may have, in bytes: the broker's own limit.
        max_body: u64 => 64 << 20;
    }
    check = check;
}

/// What becomes of a message that no subscription takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unrouted {
    /// It is kept like any other: a subscription that is added in time has it.
    Keep,
    /// Its publisher is told.
    Refuse,
}

impl Words for Unrouted {
    const WORDS: &'static [(&'static str, Self)] =
        &[("keep", Self::Keep), ("refuse", Self::Refuse)];
}

fn check(section: &Section<'_>, settings: &Settings) {
    listener::check_open(section, settings.address, "INTAKE_TOKEN");
}

impl Default for Settings {
    fn default() -> Self {
        schema::defaults()
    }
}
