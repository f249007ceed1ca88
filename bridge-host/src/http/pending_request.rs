//! One request until the head of its response: it takes a pooled connection or opens one, and hands
//! the request to it. Connections are opened in `connect`, and pooled in `pool`.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use tokio::time::timeout;

use super::body::ConnectionLease;
use super::connect::connect;
use super::http1::Http1Connection;
use super::pool::{EndpointPool, PooledConnection};
use super::sniffer::Sniffed;
use super::target::Target;
use super::transport::Transport;
use super::upload::Upload;
use super::{HttpError, RequestOptions, ResponseBody};
use crate::trouble::Shortage;

/// A request that could not be begun.
pub struct UnsentRequest<B> {
    /// The reason.
    pub error: HttpError,
    /// The body of the request.
    pub body: B,
}

/// A request without a response yet.
pub struct PendingRequest<B> {
    context: RequestContext<B>,
    pooled: Option<Connection<B>>,
    /// The request, until it is handed to a connection.
    request: Option<Request<B>>,
}

impl<B> PendingRequest<B>
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    pub(super) fn new(context: RequestContext<B>, request: Request<B>) -> Self {
        Self {
            pooled: context.take_pooled(),
            context,
            request: Some(request),
        }
    }

    /// Returns whether a pooled connection was found. If so, the first poll of [`Self::response`]
    /// hands the request to it.
    pub fn is_connected(&self) -> bool {
        self.pooled.is_some()
    }

    /// Sends the request, and returns when the head of the response has arrived. Dropping the
    /// future before that closes the connection.
    pub async fn response(&mut self) -> Result<Response<ResponseBody<B>>, HttpError> {
        if let Some(connection) = self.pooled.take() {
            let limit = self.context.options.first_byte_timeout;
            let answer = self.send_on(connection, limit).await;
            // The server may have closed a pooled connection. hyper returns the request only if not
            // a byte of it was written, so sending it on a new connection is not a second attempt:
            // the endpoint has not seen it.
            if self.request.is_none() {
                return answer;
            }
        }
        // Boxed, because opening a connection is rare and its future is large.
        Box::pin(self.on_new_connections()).await
    }

    /// Returns the body of a request that was not handed to a connection.
    pub fn unsent(&mut self) -> Option<B> {
        self.request.take().map(Request::into_body)
    }

    /// Sends the request on a new connection. Opens another one if the server closes it before a
    /// byte was written, up to [`MAX_CONNECTIONS`] in all.
    async fn on_new_connections(&mut self) -> Result<Response<ResponseBody<B>>, HttpError> {
        for _ in 1..MAX_CONNECTIONS {
            let answer = self.on_new_connection().await;
            let closed = matches!(answer, Err(HttpError::Closed(_)));
            if !closed || self.request.is_none() {
                return answer;
            }
        }
        self.on_new_connection().await
    }

    async fn on_new_connection(&mut self) -> Result<Response<ResponseBody<B>>, HttpError> {
        let connection = self.context.open_or_share().await?;
        let limit = self
            .context
            .remaining(self.context.options.first_byte_timeout);
        self.send_on(connection, limit).await
    }

    /// Sends the request on this connection. If nothing was written, `self.request` holds it again.
    async fn send_on(
        &mut self,
        (sender, peer): Connection<B>,
        limit: Duration,
    ) -> Result<Response<ResponseBody<B>>, HttpError> {
        let Some(mut request) = self.request.take() else {
            return Err(closed_before_request());
        };
        match sender {
            PooledConnection::Http1(mut connection) => {
                let result = timeout(limit, self.context.send(&mut connection, request)).await;
                let sniffed = connection.sniffed();
                let result = result.map_err(|_| self.context.response_timeout(limit));
                self.conclude(result, ConnectionLease::Http1(connection, peer), sniffed)
            }
            PooledConnection::Http2(connection) => {
                let (mut sender, stream) = connection.split();
                self.context.target.to_http2(&mut request);
                // Boxed, so that the future of an exchange over HTTP/1.1 stays small.
                let sent = Box::pin(sender.try_send_request(request));
                let result = timeout(limit, sent).await;
                let result = result.map_err(|_| self.context.response_timeout(limit));
                self.conclude(result, ConnectionLease::Http2 { _exchange: stream }, None)
            }
        }
    }

    /// Converts what sending returned, and what was read of the response, to a result.
    fn conclude(
        &mut self,
        result: Result<Sent<B>, HttpError>,
        lease: ConnectionLease<B>,
        sniffed: Option<Sniffed>,
    ) -> Result<Response<ResponseBody<B>>, HttpError> {
        let error = match result {
            Ok(Ok(response)) => return Ok(self.context.respond(response, lease)),
            Ok(Err(mut error)) => {
                self.request = error.take_message();
                match &self.request {
                    Some(_) => closed_before_request(),
                    None => HttpError::of_exchange(error.error(), self.context.target.host()),
                }
            }
            Err(response_timeout) => response_timeout,
        };
        match sniffed {
            // The status was read, so it counts even if the rest of the head is invalid.
            Some(Sniffed::Status(status)) if self.request.is_none() => {
                Ok(self.context.respond_with(status, error))
            }
            Some(Sniffed::Http2) => Err(self.context.other_protocol(HTTP2)),
            Some(Sniffed::Tls) => Err(self.context.other_protocol(TLS)),
            _ => Err(error),
        }
    }
}

type Sent<B> = Result<Response<Incoming>, TrySendError<Request<B>>>;

/// How many new connections a request is tried on if each is closed before a byte is written.
const MAX_CONNECTIONS: usize = 3;

/// The errors for an endpoint that speaks another protocol than HTTP/1.1 on a plain connection.
const HTTP2: &str = "speaks HTTP/2 without TLS (h2c), which is not supported: give the URL of a port that speaks HTTP/1.1, or of one that speaks HTTP/2 over TLS (https://)";
const TLS: &str = "expects TLS: write https:// in place of http://";

/// What one request needs to find and use a connection.
pub(super) struct RequestContext<B> {
    pub transport: Arc<Transport<B>>,
    pub target: Target,
    pub endpoint: Arc<EndpointPool<B>>,
    pub options: RequestOptions,
}

/// A connection, and the address of its peer.
type Connection<B> = (PooledConnection<B>, SocketAddr);

impl<B> RequestContext<B>
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Takes a pooled connection whose peer address this request may reach.
    fn take_pooled(&self) -> Option<Connection<B>> {
        let (host, port) = (self.target.host(), self.target.port());
        let allow = &self.options.allow;
        self.endpoint
            .take(|peer| allow.check_address(host, port, peer.ip()).is_ok())
    }

    /// Opens a connection. If another request is opening the first one to this endpoint, waits for
    /// it, and shares that connection if it speaks HTTP/2.
    async fn open_or_share(&self) -> Result<Connection<B>, HttpError> {
        if self.endpoint.speaks_http1() {
            return self.connect().await;
        }
        let limit = self.options.connect_timeout;
        let waited = timeout(limit, self.endpoint.opening.lock()).await;
        let guard = waited.map_err(|_| HttpError::ConnectTimeout {
            host: self.target.host().into(),
            after: limit,
        })?;
        match self.take_pooled() {
            Some(connection) => Ok(connection),
            None if self.endpoint.speaks_http1() => {
                drop(guard);
                self.connect().await
            }
            None => self.connect().await,
        }
    }

    /// Returns `limit`, or the time until the request's deadline if that is shorter.
    fn remaining(&self, limit: Duration) -> Duration {
        let left = |deadline: Instant| deadline.saturating_duration_since(Instant::now());
        self.options
            .deadline
            .map_or(limit, |it| limit.min(left(it)))
    }

    async fn connect(&self) -> Result<Connection<B>, HttpError> {
        let RequestOptions {
            allow,
            connect_timeout,
            ..
        } = &self.options;
        let tls = &self.transport.tls;
        let limit = self.remaining(*connect_timeout);
        let permit = self.transport.connection_permit(&self.target)?;
        let opened = connect(&self.target, allow, tls, limit, permit).await;
        if let Err(HttpError::Shortage(Shortage::Descriptors)) = opened {
            // The next caller that needs a descriptor gets the one that this frees.
            self.transport.pool.close_oldest(Duration::ZERO);
        }
        let (sender, peer) = opened?;
        self.transport.sweep_in_background();
        self.endpoint.register(&sender, peer);
        Ok((sender, peer))
    }

    /// Sends the request over HTTP/1.1.
    fn send(
        &self,
        connection: &mut Http1Connection<B>,
        mut request: Request<B>,
    ) -> impl Future<Output = Result<Response<Incoming>, TrySendError<Request<B>>>> {
        if self.options.upload != Upload::Complete || self.transport.load.is_busy() {
            connection.drive_in_task();
        }
        self.target
            .to_http1(&mut request, &self.endpoint.host_header);
        connection.send(request)
    }

    fn respond(
        &self,
        response: Response<Incoming>,
        lease: ConnectionLease<B>,
    ) -> Response<ResponseBody<B>> {
        let stall = self.options.between_bytes_timeout;
        response.map(|body| ResponseBody::new(body, stall, lease, self.endpoint.clone()))
    }

    /// Builds a response from a status alone: the rest of its head was invalid.
    fn respond_with(&self, status: u16, error: HttpError) -> Response<ResponseBody<B>> {
        tracing::debug!(%error, status, "only the status of a response could be read");
        let mut response = Response::new(ResponseBody::broken(error, self.endpoint.clone()));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        response
    }

    fn response_timeout(&self, after: Duration) -> HttpError {
        HttpError::ResponseTimeout {
            host: self.target.host().into(),
            after,
        }
    }

    fn other_protocol(&self, spoken: &'static str) -> HttpError {
        HttpError::OtherProtocol {
            host: self.target.host().into(),
            port: self.target.port(),
            spoken,
        }
    }
}

/// The error of an endpoint that closes its connections before it has read a request.
fn closed_before_request() -> HttpError {
    HttpError::Closed("it was closed before the request was written".into())
}
