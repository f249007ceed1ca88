//! Resolves a host with the system's resolver. The caller checks which addresses may be reached.

use std::fs::File;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use super::HttpError;
use crate::trouble::Shortage;

/// Returns the addresses of a host, at least one.
pub(super) async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, HttpError> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let fault = |reason: String| HttpError::Dns {
        host: host.into(),
        reason,
    };
    let name = host.to_owned();
    let outcome = tokio::task::spawn_blocking(move || query_resolver(&name, port)).await;
    match outcome.map_err(|error| fault(error.to_string()))? {
        Ok(addresses) if addresses.is_empty() => Err(fault("it has no address".into())),
        Ok(addresses) => Ok(addresses),
        Err((_, Some(lack))) => Err(HttpError::Shortage(lack)),
        Err((error, None)) => Err(fault(error.to_string())),
    }
}

/// Calls the resolver. An error is returned with the lack of this machine that caused it, if one
/// did.
fn query_resolver(host: &str, port: u16) -> Result<Vec<SocketAddr>, (io::Error, Option<Shortage>)> {
    forget_last_error();
    let answer = (host, port).to_socket_addrs();
    // Without descriptors, the resolver reports an unknown name, and only the thread's last error
    // has the cause. By now a descriptor may be free again.
    let last = io::Error::last_os_error();
    answer.map(Iterator::collect).map_err(|error| {
        let lack = Shortage::of(&error).or_else(|| Shortage::of(&last));
        (error, lack.or_else(Shortage::now))
    })
}

/// Replaces the last system error of this thread, which may be an old one, by an error that is not
/// a lack.
fn forget_last_error() {
    // No file has an empty name, so this fails with ENOENT.
    let _ = File::open("");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_ip_address_is_not_resolved() {
        for (host, address) in [("192.0.2.1", "192.0.2.1:80"), ("::1", "[::1]:80")] {
            let expected = vec![address.parse().unwrap()];
            assert_eq!(resolve(host, 80).await, Ok(expected));
        }
    }

    #[tokio::test]
    async fn an_unknown_name_is_not_a_lack() {
        let error = resolve("no_address.invalid", 80).await.unwrap_err();
        assert!(matches!(error, HttpError::Dns { .. }), "{error}");
    }
}
