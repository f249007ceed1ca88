//! Who may use a listener: clients with the token, or, without a token, programs on this machine.

use std::hint::black_box;
use std::net::IpAddr;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use sha2::{Digest, Sha256};

use super::access_denied::AccessDenied;
use super::local_access;
use crate::secret::Secret;

/// The access rule of one listener.
pub struct AccessRule {
    token: Option<Secret>,
    listener: IpAddr,
}

impl AccessRule {
    /// Returns the rule of a listener on this address.
    pub fn new(token: Option<Secret>, listener: IpAddr) -> Self {
        Self { token, listener }
    }

    /// Returns whether programs on other machines have access without a token.
    pub fn is_open(token: Option<&Secret>, listener: IpAddr) -> bool {
        token.is_none() && !listener.is_loopback()
    }

    /// Checks that this request has access.
    pub fn check<B>(&self, request: &Request<B>) -> Result<(), AccessDenied> {
        let Some(token) = &self.token else {
            return local_access::check(self.listener, request.uri(), request.headers());
        };
        match has_token(request.headers(), token) {
            true => Ok(()),
            false => Err(AccessDenied {
                status: StatusCode::UNAUTHORIZED,
                reason: "this bridge requires a token: send it as `authorization: Bearer TOKEN`",
            }),
        }
    }
}

/// Returns whether a string can be sent as a bearer token: at least one character, all of them
/// visible ASCII.
pub fn is_valid_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn has_token(headers: &HeaderMap, token: &Secret) -> bool {
    let given = headers.get(AUTHORIZATION).and_then(bearer);
    given.is_some_and(|given| is_same(given, token))
}

fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = value.as_bytes().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
}

/// Compares the digests of two tokens. It compares all bytes, so that the time does not depend on
/// how many are equal.
fn is_same(given: &[u8], token: &Secret) -> bool {
    let given = Sha256::digest(given);
    let token = Sha256::digest(token.expose());
    let differences = given.iter().zip(&token);
    let difference = differences.fold(0, |all, (a, b)| black_box(all | (a ^ b)));
    difference == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_compared_and_parsed() {
        let token = Secret::new("abc");
        assert!(is_same(b"abc", &token));
        assert!(!is_same(b"abd", &token));
        assert!(!is_same(b"", &token));
        let given = |text: &str| bearer(&text.parse().unwrap()).map(<[u8]>::to_vec);
        assert_eq!(given("bearer abc"), Some(b"abc".to_vec()));
        assert_eq!(given("Basic abc"), None);
        assert_eq!(given("Bear"), None);
    }
}
