//! The settings of the listener for operators. The paths that it serves are in `admin`.
//! Binding it stays out: `host` does it.

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
        /// The bearer token of operators; secret. Required if the address is not loopback.
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
