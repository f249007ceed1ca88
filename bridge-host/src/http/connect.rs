//! Opens a connection: resolves the host, checks each address against the allow list, connects, and
//! does the handshakes of TLS and HTTP.

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

use super::connection_limit::ConnectionPermit;
use super::connection_stream::{ConnectionStream, HeadMonitor, MAX_HEAD};
use super::http1::{Http1Connection, log_end};
use super::http2::Http2Connection;
use super::pool::PooledConnection;
use super::race::race;
use super::resolve;
use super::target::Target;
use super::tls::{self, H2};
use super::{AllowList, HttpError};

/// The time between two pings on a busy HTTP/2 connection.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// How many headers of a response are parsed. `MAX_HEAD` limits the bytes of a head; of a response
/// with more headers than this, only the status is used.
const MAX_HEADERS: usize = 1024;

/// Connects to `target` within `limit`, and returns the connection with the address of its peer.
/// The connection holds the permit until it is closed.
pub(super) async fn connect<B>(
    target: &Target,
    allow: &AllowList,
    tls: &TlsConnector,
    limit: Duration,
    permit: ConnectionPermit,
) -> Result<(PooledConnection<B>, SocketAddr), HttpError>
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let deadline = Instant::now() + limit;
    let attempt = async {
        let addresses = reachable(target, allow).await?;
        let (stream, peer) = race(&addresses).await?;
        let sender = match target.tls {
            true => handshake_tls(target, stream, tls, permit).await?,
            false => handshake_http1(ConnectionStream::new(stream, permit), target).await?,
        };
        Ok((sender, peer))
    };
    let elapsed = |_| HttpError::ConnectTimeout {
        host: target.host().into(),
        after: limit,
    };
    timeout_at(deadline, attempt).await.map_err(elapsed)?
}

/// Returns the addresses of the target that the allow list permits, at least one.
async fn reachable(target: &Target, allow: &AllowList) -> Result<Vec<SocketAddr>, HttpError> {
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

async fn handshake_tls<B>(
    target: &Target,
    stream: TcpStream,
    tls: &TlsConnector,
    permit: ConnectionPermit,
) -> Result<PooledConnection<B>, HttpError>
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let host = target.host();
    let name = ServerName::try_from(host.to_owned()).map_err(|_| HttpError::Tls {
        host: host.into(),
        reason: "the host is not a name that a certificate can be issued for".into(),
    })?;
    let stream = tls.connect(name, stream).await;
    let stream = stream.map_err(|error| tls::handshake_error(&error, host))?;
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(H2);
    let stream = ConnectionStream::new(stream, permit);
    match is_http2 {
        true => handshake_http2(stream, target).await,
        false => handshake_http1(stream, target).await,
    }
}

async fn handshake_http1<S, B>(
    stream: ConnectionStream<S>,
    target: &Target,
) -> Result<PooledConnection<B>, HttpError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let monitor = HeadMonitor::new();
    let (sender, connection) = http1::Builder::new()
        .max_headers(MAX_HEADERS)
        .ignore_invalid_headers_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .handshake(TokioIo::new(stream.monitored(monitor.clone())))
        .await
        .map_err(|error| HttpError::of_exchange(&error, target.host()))?;
    Ok(PooledConnection::Http1(Http1Connection::new(
        sender, connection, monitor,
    )))
}

async fn handshake_http2<S, B>(
    stream: ConnectionStream<S>,
    target: &Target,
) -> Result<PooledConnection<B>, HttpError>
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
    tokio::spawn(async { log_end(connection.await) });
    Ok(PooledConnection::Http2(Http2Connection::new(sender)))
}
