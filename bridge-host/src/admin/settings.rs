//! What a user sets of the operator's listener. What it serves stays out: that
//! is `admin` itself.

use std::net::SocketAddr;

use crate::listener;
use crate::schema::{self, Secret, Section, socket_address};
use crate::settings;

settings! {
    /// The listener for operators.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Settings in "[admin]" {
        /// IP address and port to listen on; not the intake's.
        address: SocketAddr = socket_address().default("\"127.0.0.1:8483\"");
        /// What operators send as their bearer token; secret. Required when the address is not loopback.
        token: Option<Secret> = listener::token();
    }
    check = check;
}

fn check(section: &Section<'_>, settings: &Settings) {
    listener::check_open(section, settings.address, "ADMIN_TOKEN");
}

impl Default for Settings {
    fn default() -> Self {
        schema::defaults()
    }
}
