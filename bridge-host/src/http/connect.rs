//! Making a connection: resolve, check each address against the allow list,
//! connect, shake hands.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use hyper::client::conn::{http1, http2};
use hyper::rt::{Read, Write};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;

use super::error::describe;
use super::http1::{Http1, tell};
use super::pool::Sender;
use super::target::Target;
use super::tls::H2;
use super::{Allow, HttpError};

/// How often a busy HTTP/2 connection is asked whether it still lives.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// Connects to `target` within `limit`, and tells the address that it reached.
pub(super) async fn connect<B>(
    target: &Target,
    allow: &Allow,
    tls: &TlsConnector,
    limit: Duration,
) -> Result<(Sender<B>, SocketAddr), HttpError>
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let deadline = Instant::now() + limit;
    let attempt = async {
        let addresses = resolve(target, allow).await?;
        let (stream, peer) = reach(&addresses, deadline).await?;
        let sender = match target.tls {
            true => secure(target, stream, tls).await?,
            false => speak_http1(stream).await?,
        };
        Ok((sender, peer))
    };
    let elapsed = |_| HttpError::ConnectTimeout {
        host: target.host().into(),
        after: limit,
    };
    match timeout_at(deadline, attempt).await.map_err(elapsed)? {
        // Told by one address of several; the reader knows the host.
        Err(HttpError::ConnectTimeout { .. }) => Err(HttpError::ConnectTimeout {
            host: target.host().into(),
            after: limit,
        }),
        result => result,
    }
}

/// The addresses of the target that may be reached, at least one.
async fn resolve(target: &Target, allow: &Allow) -> Result<Vec<SocketAddr>, HttpError> {
    let (host, port) = (target.host(), target.port());
    let fault = |reason: String| HttpError::Dns {
        host: host.into(),
        reason,
    };
    let found = tokio::net::lookup_host((host, port))
        .await
        .map_err(|error| fault(error.to_string()))?;
    let mut refused = None;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in found {
        match allow.check_address(host, port, address.ip()) {
            Ok(()) if !addresses.contains(&address) => addresses.push(address),
            Ok(()) => {}
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    match (addresses.is_empty(), refused) {
        (false, _) => Ok(addresses),
        (true, Some(error)) => Err(error),
        (true, None) => Err(fault("it has none".into())),
    }
}

/// Tries one address after the other; each has its share of the time left, so
/// that one that does not answer leaves some for the next.
async fn reach(
    addresses: &[SocketAddr],
    deadline: Instant,
) -> Result<(TcpStream, SocketAddr), HttpError> {
    let mut last = HttpError::Connect {
        address: addresses[0],
        reason: "no address answered".into(),
    };
    for (tried, address) in addresses.iter().enumerate() {
        let left = (addresses.len() - tried) as u32;
        let share = deadline.saturating_duration_since(Instant::now()) / left;
        last = match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Small requests must not wait for one another's
                // acknowledgements; a socket that cannot do it works too.
                let _ = stream.set_nodelay(true);
                return Ok((stream, *address));
            }
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                HttpError::ConnectRefused(*address)
            }
            Ok(Err(error)) => HttpError::Connect {
                address: *address,
                reason: error.to_string(),
            },
            Err(_) => HttpError::ConnectTimeout {
                host: address.ip().to_string(),
                after: share,
            },
        };
    }
    Err(last)
}

async fn secure<B>(
    target: &Target,
    stream: TcpStream,
    tls: &TlsConnector,
) -> Result<Sender<B>, HttpError>
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let fault = |reason: String| HttpError::Tls {
        host: target.host().into(),
        reason,
    };
    let name = ServerName::try_from(target.host().to_owned())
        .map_err(|_| fault("no certificate can be for such a name".into()))?;
    let stream = tls
        .connect(name, stream)
        .await
        .map_err(|error| fault(describe(&error)))?;
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(H2);
    match is_http2 {
        true => speak_http2(stream).await,
        false => speak_http1(stream).await,
    }
}

async fn speak_http1<S, B>(stream: S) -> Result<Sender<B>, HttpError>
where
    TokioIo<S>: Read + Write + Unpin + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| HttpError::of_exchange(&error))?;
    Ok(Sender::Http1(Http1::new(sender, connection)))
}

async fn speak_http2<S, B>(stream: S) -> Result<Sender<B>, HttpError>
where
    TokioIo<S>: Read + Write + Unpin + Send + 'static,
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| HttpError::of_exchange(&error))?;
    tokio::spawn(async { tell(connection.await) });
    Ok(Sender::Http2(sender))
}
