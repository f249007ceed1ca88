//! Reaches a host at one of its addresses: they are raced, so that one that does
//! not answer costs a quarter of a second and not the attempt (RFC 8305).

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::HttpError;
use crate::trouble::Shortage;

/// An attempt has this long before the next one is made beside it: RFC 8305's
/// Connection Attempt Delay.
const HEAD_START: Duration = Duration::from_millis(250);

/// Connects to the first of these addresses that answers. The error is the one
/// that says most.
pub(super) async fn race(addresses: &[SocketAddr]) -> Result<(TcpStream, SocketAddr), HttpError> {
    let mut waiting = interleaved(addresses).into_iter();
    let mut racing = FuturesUnordered::new();
    let mut worst: Option<HttpError> = None;
    loop {
        racing.extend(waiting.next().map(reach));
        let more = waiting.len() > 0;
        tokio::select! {
            ended = racing.next() => match ended {
                Some(Ok(reached)) => return Ok(reached),
                Some(Err(error)) => worst = Some(telling(worst, error)),
                None => return Err(worst.unwrap_or_else(nowhere)),
            },
            () = sleep(HEAD_START), if more => {}
        }
    }
}

/// One family after the other, beginning with the family of the first.
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

async fn reach(address: SocketAddr) -> Result<(TcpStream, SocketAddr), HttpError> {
    match TcpStream::connect(address).await {
        Ok(stream) => {
            // Small requests must not wait for one another's acknowledgements; a
            // socket that cannot do it works too.
            let _ = stream.set_nodelay(true);
            Ok((stream, address))
        }
        Err(error) => Err(refused(&error, address)),
    }
}

/// Why there is no connection to this address.
fn refused(error: &io::Error, address: SocketAddr) -> HttpError {
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

/// Of two addresses' errors the one to report: that this machine lacks something
/// tells nothing of the endpoint; that one refuses tells more than no route.
fn telling(before: Option<HttpError>, error: HttpError) -> HttpError {
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

fn nowhere() -> HttpError {
    HttpError::Request("its host has no address".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns() {
        let given = addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "1.1.1.2:1"]);
        let expected = addresses(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "1.1.1.2:1", "[::3]:1"]);
        assert_eq!(interleaved(&given), expected);
        assert_eq!(interleaved(&given[3..]), given[3..]);
    }

    /// 192.0.2.0/24 is for documentation (RFC 5737): nothing answers there, or
    /// there is no route to it.
    #[tokio::test]
    async fn an_address_that_does_not_answer_does_not_hold_up_the_next() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap();
        let silent = SocketAddr::from(([192, 0, 2, 1], 9));
        let raced = tokio::time::timeout(Duration::from_secs(20), race(&[silent, here])).await;
        assert_eq!(raced.expect("it does not wait").unwrap().1, here);
    }

    #[tokio::test]
    async fn the_refusal_is_what_is_reported() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = listener.local_addr().unwrap();
        drop(listener);
        let error = race(&[closed]).await.unwrap_err();
        assert_eq!(error, HttpError::ConnectRefused(closed));
    }
}
