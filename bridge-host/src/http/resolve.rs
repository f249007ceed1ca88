//! The addresses of a host, by the system's resolver. Which of them may be
//! reached is checked elsewhere.

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
    let asked = tokio::task::spawn_blocking(move || ask(&name, port)).await;
    match asked.map_err(|error| fault(error.to_string()))? {
        Ok(addresses) if addresses.is_empty() => Err(fault("it has none".into())),
        Ok(addresses) => Ok(addresses),
        Err((_, Some(lack))) => Err(HttpError::Shortage(lack)),
        Err((error, None)) => Err(fault(error.to_string())),
    }
}

/// Asks the resolver. An error comes with what this machine lacked for an
/// answer.
fn ask(host: &str, port: u16) -> Result<Vec<SocketAddr>, (io::Error, Option<Shortage>)> {
    forget_last_error();
    let answer = (host, port).to_socket_addrs();
    // Without descriptors the resolver says that the name is unknown, and only
    // the thread's last error says why. A descriptor may be free again by now.
    let last = io::Error::last_os_error();
    answer.map(Iterator::collect).map_err(|error| {
        let lack = Shortage::of(&error).or_else(|| Shortage::of(&last));
        (error, lack.or_else(Shortage::now))
    })
}

/// Replaces the last error of this thread's system calls, which may be old, by
/// one that is no lack.
fn forget_last_error() {
    // Nothing has an empty name.
    let _ = File::open("");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_are_not_asked_for() {
        for (host, address) in [("192.0.2.1", "192.0.2.1:80"), ("::1", "[::1]:80")] {
            let expected = vec![address.parse().unwrap()];
            assert_eq!(resolve(host, 80).await, Ok(expected));
        }
    }

    #[tokio::test]
    async fn a_name_that_is_unknown_is_no_lack() {
        let error = resolve("nowhere.invalid", 80).await.unwrap_err();
        assert!(matches!(error, HttpError::Dns { .. }), "{error}");
    }
}
