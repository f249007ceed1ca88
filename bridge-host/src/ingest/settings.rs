//! The settings of the HTTP intake. Whether its connection fits them is checked by
//! `config`, which knows the connections.

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
        /// The bearer token of publishers; secret. Required if the address is not loopback.
        token: Option<Secret> = listener::token();
        /// The connection that messages are published to. Its `max_message_size` limits the intake, too.
        publish_to: String = connection().default("\"embedded\"");
        /// What happens to a message whose topic matches no subscription: `"keep"` counts it in the ledger and
        /// keeps it until retention removes it, `"refuse"` answers 422. `"refuse"` requires that `publish_to`
        /// names an embedded broker.
        unrouted: Unrouted = choice().default("\"keep\"");
        /// The most bytes of a message's data: the broker's limit.
        max_body: u64 => 64 << 20;
    }
    check = check;
}

/// What happens to a message that matches no subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unrouted {
    /// The broker keeps it until retention removes it.
    Keep,
    /// The publisher gets a 422.
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
