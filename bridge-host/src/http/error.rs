//! Why a request got no response, or only a part of it. An error names hosts and addresses, never
//! paths or headers, which may contain secrets.

use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::trouble::{Shortage, causes};

/// Why a request got no complete response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// This machine lacks a resource that a connection needs. Nothing was sent.
    #[error("{0}")]
    Shortage(Shortage),
    /// The request is invalid: no client could send it.
    #[error("the request cannot be sent: {0}")]
    Request(String),
    /// The host is neither the endpoint's nor on the allow list.
    #[error(
        "{host}:{port} is neither the endpoint nor on the allow list: add \"{host}\" to `allow` if the component may reach it"
    )]
    HostNotAllowed {
        /// The host in the request's URL.
        host: String,
        /// The port in the request's URL, or the default port of its scheme.
        port: u16,
    },
    /// The host is allowed, but not at this address.
    #[error(
        "{host} is at {address}, which is not a public address: add \"{address}\" to `allow` if the component may reach it"
    )]
    AddressNotAllowed {
        /// The host in the request's URL.
        host: String,
        /// The first of its addresses that is not allowed.
        address: IpAddr,
    },
    /// The name cannot be resolved.
    #[error("cannot resolve {host}: {reason}")]
    Dns {
        /// The host in the request's URL.
        host: String,
        /// The resolver's error.
        reason: String,
    },
    /// Nothing listens on this address.
    #[error(
        "{0} refused the connection: check that the endpoint is running and listens on this port"
    )]
    ConnectRefused(SocketAddr),
    /// The connection failed for another reason, such as a missing route.
    #[error("cannot connect to {address}: {reason}")]
    Connect {
        /// The address that was tried last.
        address: SocketAddr,
        /// The system's error.
        reason: String,
    },
    /// Resolving, connecting and the TLS handshake together exceeded the time limit.
    #[error("no connection to {host} within {after:?}")]
    ConnectTimeout {
        /// The host in the request's URL.
        host: String,
        /// The time limit.
        after: Duration,
    },
    /// The endpoint's certificate is not trusted, or not valid.
    #[error("the certificate of {host} is not accepted: {reason}")]
    Certificate {
        /// The host in the request's URL.
        host: String,
        /// What is wrong with the certificate.
        reason: String,
    },
    /// The TLS handshake failed for another reason.
    #[error("TLS with {host} failed: {reason}")]
    Tls {
        /// The host in the request's URL.
        host: String,
        /// The error of the handshake.
        reason: String,
    },
    /// The endpoint speaks another protocol.
    #[error("{host}:{port} {spoken}")]
    OtherProtocol {
        /// The host in the request's URL.
        host: String,
        /// The port in the request's URL, or the default port of its scheme.
        port: u16,
        /// What it speaks, and what to change.
        spoken: &'static str,
    },
    /// The endpoint rejected the request before it processed it.
    #[error("{host} refused the request before it processed it: {reason}")]
    NotProcessed {
        /// The host in the request's URL.
        host: String,
        /// How the endpoint said so.
        reason: String,
    },
    /// The connection was closed before the response ended.
    #[error("the connection was closed before the response was complete: {0}")]
    Closed(String),
    /// The head of the response did not arrive within the time limit.
    #[error("no response from {host} within {after:?}")]
    ResponseTimeout {
        /// The host in the request's URL.
        host: String,
        /// The time limit.
        after: Duration,
    },
    /// The body of the response stalled.
    #[error("the response of {host} stalled: nothing arrived for {after:?}")]
    BodyTimeout {
        /// The host in the request's URL.
        host: String,
        /// How long nothing arrived.
        after: Duration,
    },
    /// The response is not HTTP, or violates the protocol.
    #[error("the response is not valid HTTP: {0}")]
    Protocol(String),
    /// The request's own body failed while it was sent.
    #[error("the body of the request failed: {0}")]
    Body(String),
}

impl HttpError {
    /// Classifies an error of hyper's, from either half of an exchange with this host.
    pub(super) fn of_exchange(error: &hyper::Error, host: &str) -> Self {
        if let Some(lack) = Shortage::of(error) {
            return Self::Shortage(lack);
        }
        let reason = describe(error);
        if causes(error).any(is_refusal) {
            return Self::NotProcessed {
                host: host.into(),
                reason,
            };
        }
        let closed = error.is_incomplete_message() || error.is_closed() || error.is_canceled();
        if closed || causes(error).any(is_disconnect) {
            Self::Closed(reason)
        } else if error.is_user() {
            Self::Body(reason)
        } else {
            Self::Protocol(reason)
        }
    }
}

/// The length, in bytes, after which no further cause is appended.
const MAX_CAUSES: usize = 500;

/// Renders an error and its causes on one line of limited length.
pub(super) fn describe(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    for source in causes(error).skip(1) {
        if text.len() > MAX_CAUSES {
            break;
        }
        let more = source.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
    }
    text
}

/// Returns whether a server said over HTTP/2 that it did not process the request: it refused the
/// stream, or went away before it took the stream (RFC 9113, section 8.7).
fn is_refusal(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<h2::Error>().is_some_and(|error| {
        let refused = error.reason() == Some(h2::Reason::REFUSED_STREAM);
        error.is_remote() && (error.is_go_away() || error.is_reset() && refused)
    })
}

fn is_disconnect(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| {
        matches!(
            error.kind(),
            io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::NotConnected
                | io::ErrorKind::UnexpectedEof
        )
    })
}
