//! Connects to the first address of a host that answers. Attempts overlap (RFC 8305), so an address
//! that does not answer delays the request by a quarter of a second only.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::HttpError;
use crate::trouble::Shortage;

/// How long an attempt runs before the next address is tried as well: the Connection Attempt Delay
/// of RFC 8305, section 5.
const HEAD_START: Duration = Duration::from_millis(250);

/// Connects to the first of these addresses that answers. If none does, returns the most
/// informative error.
pub(super) async fn race(addresses: &[SocketAddr]) -> Result<(TcpStream, SocketAddr), HttpError> {
    let mut waiting = interleaved(addresses).into_iter();
    let mut racing = FuturesUnordered::new();
    let mut best_error: Option<HttpError> = None;
    loop {
        racing.extend(waiting.next().map(connect));
        let more = waiting.len() > 0;
        tokio::select! {
            ended = racing.next() => match ended {
                Some(Ok(reached)) => return Ok(reached),
                Some(Err(error)) => best_error = Some(more_informative(best_error, error)),
                None => return Err(best_error.unwrap_or_else(no_address)),
            },
            () = sleep(HEAD_START), if more => {}
        }
    }
}

/// Orders the addresses so that the families alternate, beginning with the first address's.
fn interleaved(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let is_first = |address: &&SocketAddr| address.is_ipv4() == addresses[0].is_ipv4();
    let mut first = addresses.iter().filter(is_first);
    let mut second = addresses.iter().filter(|it| !is_first(it));
    let mut order = Vec::with_capacity(addresses.len());
    while order.len() < addresses.len() {
        order.extend(first.next());
        order.extend(second.next());
    }
    order
}

async fn connect(address: SocketAddr) -> Result<(TcpStream, SocketAddr), HttpError> {
    match TcpStream::connect(address).await {
        Ok(stream) => {
            // Nagle's algorithm would delay small requests. A socket without the option works too.
            let _ = stream.set_nodelay(true);
            Ok((stream, address))
        }
        Err(error) => Err(connect_error(&error, address)),
    }
}

/// Converts a failed connection attempt to an error.
fn connect_error(error: &io::Error, address: SocketAddr) -> HttpError {
    if let Some(lack) = Shortage::of_connecting(error, address) {
        return HttpError::Shortage(lack);
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => HttpError::ConnectRefused(address),
        _ => HttpError::Connect {
            address,
            reason: error.to_string(),
        },
    }
}

/// Chooses the more informative error. An error caused by this machine comes first, because then
/// the other errors need not be the endpoint's fault. A refused connection says more than a missing
/// route.
fn more_informative(before: Option<HttpError>, error: HttpError) -> HttpError {
    let weight = |error: &HttpError| match error {
        HttpError::Shortage(_) => 2,
        HttpError::ConnectRefused(_) => 1,
        _ => 0,
    };
    match before {
        Some(before) if weight(&before) >= weight(&error) => before,
        _ => error,
    }
}

fn no_address() -> HttpError {
    HttpError::Request("its host has no address".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn address_families_alternate() {
        let given = addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "1.1.1.2:1"]);
        let expected = addresses(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "1.1.1.2:1", "[::3]:1"]);
        assert_eq!(interleaved(&given), expected);
        assert_eq!(interleaved(&given[3..]), given[3..]);
    }

    /// 192.0.2.0/24 is for documentation (RFC 5737): nothing answers there, or there is no route to
    /// it.
    #[tokio::test]
    async fn an_address_that_does_not_answer_does_not_hold_up_the_next() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let open = listener.local_addr().unwrap();
        let silent = SocketAddr::from(([192, 0, 2, 1], 9));
        let raced = tokio::time::timeout(Duration::from_secs(20), race(&[silent, open])).await;
        assert_eq!(raced.expect("it does not wait").unwrap().1, open);
    }

    #[tokio::test]
    async fn a_refused_connection_is_reported() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = listener.local_addr().unwrap();
        drop(listener);
        let error = race(&[closed]).await.unwrap_err();
        assert_eq!(error, HttpError::ConnectRefused(closed));
    }
}
