//! Making a connection: resolve, check each address against the allow list,
//! connect, shake hands.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use super::connections::Connected;
use super::http1::{Http1, tell};
use super::http2::Http2;
use super::pool::Sender;
use super::race::race;
use super::resolve;
use super::target::Target;
use super::tls::{self, H2};
use super::wire::{MAX_HEAD, Watch, Wire};
use super::{Allow, HttpError};

/// How often a busy HTTP/2 connection is asked whether it still lives.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// The headers of a response of which each is read. What a head is bounded by is
/// its bytes; of one that has more headers still the status counts.
const MAX_HEADERS: usize = 1024;

/// Connects to `target` within `limit`, and tells the address that it reached.
/// The connection keeps the right to be one.
pub(super) async fn connect<B>(
    target: &Target,
    allow: &Allow,
    tls: &TlsConnector,
    limit: Duration,
    connected: Connected,
) -> Result<(Sender<B>, SocketAddr), HttpError>
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let deadline = Instant::now() + limit;
    let attempt = async {
        let addresses = reachable(target, allow).await?;
        let (stream, peer) = race(&addresses).await?;
        let sender = match target.tls {
            true => secure(target, stream, tls, connected).await?,
            false => speak_http1(Wire::new(stream, connected), target).await?,
        };
        Ok((sender, peer))
    };
    let elapsed = |_| HttpError::ConnectTimeout {
        host: target.host().into(),
        after: limit,
    };
    timeout_at(deadline, attempt).await.map_err(elapsed)?
}

/// The addresses of the target that may be reached, at least one.
async fn reachable(target: &Target, allow: &Allow) -> Result<Vec<SocketAddr>, HttpError> {
    let (host, port) = (target.host(), target.port());
    let found = resolve::resolve(host, port).await?;
    let mut refused = None;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in found {
        match allow.check_address(host, port, address.ip()) {
            Ok(()) if !addresses.contains(&address) => addresses.push(address),
            Ok(()) => {}
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    match refused {
        Some(error) if addresses.is_empty() => Err(error),
        _ => Ok(addresses),
    }
}

async fn secure<B>(
    target: &Target,
    stream: TcpStream,
    tls: &TlsConnector,
    connected: Connected,
) -> Result<Sender<B>, HttpError>
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let host = target.host();
    let name = ServerName::try_from(host.to_owned()).map_err(|_| HttpError::Tls {
        host: host.into(),
        reason: "a certificate cannot be issued for such a name".into(),
    })?;
    let stream = tls.connect(name, stream).await;
    let stream = stream.map_err(|error| tls::failed(&error, host))?;
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(H2);
    let stream = Wire::new(stream, connected);
    match is_http2 {
        true => speak_http2(stream, target).await,
        false => speak_http1(stream, target).await,
    }
}

async fn speak_http1<S, B>(stream: Wire<S>, target: &Target) -> Result<Sender<B>, HttpError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let watch = Watch::new();
    let (sender, connection) = http1::Builder::new()
        .max_headers(MAX_HEADERS)
        .ignore_invalid_headers_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .handshake(TokioIo::new(stream.watched(watch.clone())))
        .await
        .map_err(|error| HttpError::of_exchange(&error, target.host()))?;
    Ok(Sender::Http1(Http1::new(sender, connection, watch)))
}

async fn speak_http2<S, B>(stream: Wire<S>, target: &Target) -> Result<Sender<B>, HttpError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .max_header_list_size(MAX_HEAD as u32)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| HttpError::of_exchange(&error, target.host()))?;
    tokio::spawn(async { tell(connection.await) });
    Ok(Sender::Http2(Http2::new(sender)))
}
