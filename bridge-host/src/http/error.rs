//! Why there is no response, or not the whole of it. The texts name hosts and
//! addresses, never paths or headers: those may hold secrets.

use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::trouble::{Shortage, causes};

/// What became of a request that got no whole response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// This machine has not what a connection takes: nothing was sent.
    #[error("{0}")]
    Shortage(Shortage),
    /// The request cannot be sent by anyone.
    #[error("the request cannot be sent: {0}")]
    Request(String),
    /// Neither the endpoint nor on the allow list.
    #[error(
        "{host}:{port} is neither the endpoint nor on the allow list: add \"{host}\" to `allow` if the component may reach it"
    )]
    HostNotAllowed {
        /// As the request has it.
        host: String,
        /// As the request has it, or that of its scheme.
        port: u16,
    },
    /// The host may be reached, but not at this address.
    #[error(
        "{host} is at {address}, which is not a public address: add \"{address}\" to `allow` if the component may reach it"
    )]
    AddressNotAllowed {
        /// As the request has it.
        host: String,
        /// The first of those it resolves to.
        address: IpAddr,
    },
    /// The name does not resolve.
    #[error("cannot find the address of {host}: {reason}")]
    Dns {
        /// As the request has it.
        host: String,
        /// The resolver's word for it.
        reason: String,
    },
    /// Nothing listens there.
    #[error("{0} refuses the connection: does the endpoint run, and on this port?")]
    ConnectRefused(SocketAddr),
    /// No connection for another reason: no route, no more sockets.
    #[error("cannot connect to {address}: {reason}")]
    Connect {
        /// The last one tried.
        address: SocketAddr,
        /// The system's word for it.
        reason: String,
    },
    /// Resolving, connecting and the TLS handshake took too long.
    #[error("no connection to {host} within {after:?}")]
    ConnectTimeout {
        /// As the request has it.
        host: String,
        /// The time it was given.
        after: Duration,
    },
    /// The endpoint's certificate is not accepted.
    #[error("the certificate of {host} is not accepted: {reason}")]
    Certificate {
        /// As the request has it.
        host: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The handshake failed in another way.
    #[error("TLS with {host} failed: {reason}")]
    Tls {
        /// As the request has it.
        host: String,
        /// What the handshake found.
        reason: String,
    },
    /// The endpoint answered in another protocol.
    #[error("{host}:{port} {spoken}")]
    OtherProtocol {
        /// As the request has it.
        host: String,
        /// As the request has it, or that of its scheme.
        port: u16,
        /// What it spoke, and what to do about it.
        spoken: &'static str,
    },
    /// The endpoint refused the request before anything was done about it.
    #[error("{host} refused the request before it processed it: {reason}")]
    NotProcessed {
        /// As the request has it.
        host: String,
        /// How it is known.
        reason: String,
    },
    /// The connection ended before the response did.
    #[error("the connection was closed before the response was complete: {0}")]
    Closed(String),
    /// No response head in time.
    #[error("no response from {host} within {after:?}")]
    ResponseTimeout {
        /// As the request has it.
        host: String,
        /// The time it was given.
        after: Duration,
    },
    /// The response began, and then stalled.
    #[error("the response of {host} stalled: nothing arrived for {after:?}")]
    BodyTimeout {
        /// As the request has it.
        host: String,
        /// For how long.
        after: Duration,
    },
    /// What came back is not HTTP, or breaks its rules.
    #[error("the response is not valid HTTP: {0}")]
    Protocol(String),
    /// The body of the request failed while it was sent.
    #[error("the body of the request failed: {0}")]
    Body(String),
}

impl HttpError {
    /// Sorts an error of hyper's, whichever half of the exchange with this host
    /// it ended.
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

/// The longest that a cause chain is told, in bytes.
const MAX_CAUSES: usize = 500;

/// An error and what caused it, on one line of bounded length.
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

/// Whether a server said by its HTTP/2 that it did nothing about the request:
/// a stream that it refused, or above the last that it took before it goes away
/// (RFC 9113, 8.7).
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
