//! The common settings of the intake and admin listeners: an address, a token, and the
//! rule that an address open to other machines requires a token.

use std::net::SocketAddr;

use super::access::{AccessRule, is_valid_token};
use crate::schema::{Declaration, Rejection, Secret, Section, Shape, secret_of};

const TOKEN: Shape = Shape {
    name: "bearer token",
    pattern: None,
    check: check_token,
    help: "use letters, digits and punctuation: the token is sent in an HTTP header",
};

/// A token that clients send as their bearer token.
pub const fn token() -> Declaration<Option<Secret>> {
    secret_of(&TOKEN).optional("none")
}

fn check_token(token: &str) -> Result<(), Rejection> {
    match is_valid_token(token) {
        true => Ok(()),
        false => Err("the token has spaces or characters that are not visible ASCII".into()),
    }
}

/// Records a fault if other machines have access without a token. `variable` is the name
/// of the environment variable that the remedy suggests for the token.
pub fn check_open(section: &Section<'_>, address: SocketAddr, variable: &str) {
    let is_written = section.peek("address").is_some() && !section.is_faulty("address");
    // An unreadable token has its own fault already.
    if is_written && section.peek("token").is_none() && AccessRule::is_open(None, address.ip()) {
        section.fault(
            "address",
            format!("{address} is open to other machines, and no `token` is set"),
            format!("set token = \"${{{variable}}}\", or listen on 127.0.0.1"),
        );
    }
}
