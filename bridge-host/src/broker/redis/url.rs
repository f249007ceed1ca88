//! The URL of a Redis server: which URLs a config may have, and how an address is shown.
//! `connect` opens connections to it.

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

use crate::secret::Secret;

/// Why a URL is refused. No message shows the URL, because the URL may contain a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// The text is not a URL of this kind.
    #[error("the connection's `url` is not the URL of a Redis server")]
    Invalid,
    /// The URL leads to a Unix socket.
    #[error(
        "the connection's `url` names a Unix socket, but the bridge connects to Redis over TCP"
    )]
    Socket,
    /// The port is 0.
    #[error("the connection's `url` has the port 0, on which no server listens")]
    Port,
    /// The URL has a part that begins with `?`.
    #[error("the connection's `url` has a query (`?…`), which the bridge does not read")]
    Query,
    /// The URL has a part that begins with `#`.
    #[error(
        "the connection's `url` has a fragment (`#…`), but the bridge always verifies the server's certificate"
    )]
    Fragment,
}

impl UrlError {
    /// Returns what to do about the error.
    pub(super) const fn help(self) -> &'static str {
        match self {
            Self::Invalid => {
                "url = \"redis://host:6379\", or rediss:// for TLS; a user and a password may be in it"
            }
            Self::Socket => {
                "let Redis listen on 127.0.0.1, and set url = \"redis://127.0.0.1:6379\""
            }
            Self::Port => "leave the port out for 6379, or write the port of the server",
            Self::Query => {
                "set the keys `user` and `password` of the connection; in a password within the URL, write `?` as %3F"
            }
            Self::Fragment => {
                "name a private certificate authority in `tls.ca_file`; in a password within the URL, write `#` as %23"
            }
        }
    }
}

/// Parses the URL of a Redis server.
pub(super) fn parse(url: &Secret) -> Result<ConnectionInfo, UrlError> {
    let url = url.expose();
    if url.starts_with("unix:") || url.starts_with("redis+unix:") {
        return Err(UrlError::Socket);
    }
    if !url.starts_with("redis://") && !url.starts_with("rediss://") {
        return Err(UrlError::Invalid);
    }
    if url.contains('?') {
        return Err(UrlError::Query);
    }
    if url.contains('#') {
        return Err(UrlError::Fragment);
    }
    let info = url.into_connection_info().map_err(|_| UrlError::Invalid)?;
    match info.addr() {
        ConnectionAddr::Tcp(_, 0) | ConnectionAddr::TcpTls { port: 0, .. } => Err(UrlError::Port),
        _ => Ok(info),
    }
}

/// Returns the server's address as a URL, without user and password.
pub(super) fn shown(url: &Secret) -> String {
    parse(url).map_or_else(|_| "***".into(), |info| shown_address(&info))
}

/// Returns this address as a URL, without user and password.
pub(super) fn shown_address(info: &ConnectionInfo) -> String {
    let database = info.redis_settings().db();
    let (scheme, host, port) = match info.addr() {
        ConnectionAddr::Tcp(host, port) => ("redis", host, port),
        ConnectionAddr::TcpTls { host, port, .. } => ("rediss", host, port),
        other => return other.to_string(),
    };
    let host = match host.contains(':') {
        true => format!("[{host}]"),
        false => host.clone(),
    };
    match database {
        0 => format!("{scheme}://{host}:{port}"),
        database => format!("{scheme}://{host}:{port}/{database}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> String {
        super::shown(&Secret::new(url))
    }

    #[test]
    fn an_address_has_no_secret_and_an_ipv6_host_has_brackets() {
        for (url, expected) in [
            (
                "redis://bridge:s3cret@localhost:6380/2",
                "redis://localhost:6380/2",
            ),
            ("rediss://:s3cret@host", "rediss://host:6379"),
            ("redis://[::1]:6380", "redis://[::1]:6380"),
            ("rediss://:s3cret@[fe80::1]", "rediss://[fe80::1]:6379"),
        ] {
            assert_eq!(shown(url), expected, "{url}");
        }
    }

    #[test]
    fn an_unusable_url_is_refused_without_showing_it() {
        for (url, expected) in [
            ("http://bridge:s3cret@host", UrlError::Invalid),
            ("host:6379", UrlError::Invalid),
            ("redis://bridge:s3cret@", UrlError::Invalid),
            ("unix:///run/redis.sock", UrlError::Socket),
            ("redis+unix:///run/redis.sock", UrlError::Socket),
            ("redis://host:0", UrlError::Port),
            ("rediss://host:0/1", UrlError::Port),
            ("redis://host?password=s3cret", UrlError::Query),
            ("redis://host/?protocol=resp3", UrlError::Query),
            ("rediss://host#insecure", UrlError::Fragment),
        ] {
            let error = parse(&Secret::new(url)).unwrap_err();
            assert_eq!(error, expected, "{url}");
            assert!(!format!("{error} {}", error.help()).contains("s3cret"));
        }
    }
}
