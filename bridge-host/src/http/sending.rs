//! One request on its way: a connection is taken or made, it is handed over, and
//! the head of its response is waited for.

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

use super::body::Lease;
use super::connect::connect;
use super::http1::Http1;
use super::pool::{Sender, Slot};
use super::sniff::Seen;
use super::target::Target;
use super::upload::Upload;
use super::{Client, HttpError, Options, ResponseBody};
use crate::trouble::Shortage;

/// A request that cannot go out.
pub struct Unsent<B> {
    /// Why.
    pub error: HttpError,
    /// What it would have sent.
    pub body: B,
}

/// A request that is about to go out.
pub struct Sending<B> {
    route: Route<B>,
    kept: Option<Connection<B>>,
    /// Until it is handed over.
    request: Option<Request<B>>,
}

impl<B> Sending<B>
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    pub(super) fn new(route: Route<B>, request: Request<B>) -> Self {
        Self {
            kept: route.take(),
            route,
            request: Some(request),
        }
    }

    /// Whether there is a connection for it: then it is handed over when
    /// [`Self::response`] is first polled.
    pub fn is_connected(&self) -> bool {
        self.kept.is_some()
    }

    /// Sends it, and returns when the head of the response is there. Dropped
    /// before that, it closes the connection.
    pub async fn response(&mut self) -> Result<Response<ResponseBody<B>>, HttpError> {
        if let Some(connection) = self.kept.take() {
            let limit = self.route.options.first_byte_timeout;
            let answer = self.exchange(connection, limit).await;
            // A connection that was kept may have been closed meanwhile. hyper
            // hands the request back only when not a byte of it was written, so
            // a new connection is no second attempt: the endpoint has seen none.
            if self.request.is_none() {
                return answer;
            }
        }
        // In a box, as it is rare and large beside an exchange.
        Box::pin(self.on_new_connections()).await
    }

    /// Whatever of the request was not handed over.
    pub fn unsent(&mut self) -> Option<B> {
        self.request.take().map(Request::into_body)
    }

    /// Sends it on a new connection, and on another where that one is closed
    /// before a byte of it was written.
    async fn on_new_connections(&mut self) -> Result<Response<ResponseBody<B>>, HttpError> {
        for _ in 1..CONNECTIONS {
            let answer = self.on_new_connection().await;
            let closed = matches!(answer, Err(HttpError::Closed(_)));
            if !closed || self.request.is_none() {
                return answer;
            }
        }
        self.on_new_connection().await
    }

    async fn on_new_connection(&mut self) -> Result<Response<ResponseBody<B>>, HttpError> {
        let connection = self.route.open().await?;
        let limit = self.route.within(self.route.options.first_byte_timeout);
        self.exchange(connection, limit).await
    }

    /// Sends the request; it is here again when nothing of it was written.
    async fn exchange(
        &mut self,
        (sender, peer): Connection<B>,
        limit: Duration,
    ) -> Result<Response<ResponseBody<B>>, HttpError> {
        let Some(mut request) = self.request.take() else {
            return Err(never_sent());
        };
        match sender {
            Sender::Http1(mut connection) => {
                let result = timeout(limit, self.route.send(&mut connection, request)).await;
                let seen = connection.seen();
                let result = result.map_err(|_| self.route.late(limit));
                self.judge(result, Lease::Http1(connection, peer), seen)
            }
            Sender::Http2(connection) => {
                let (mut sender, stream) = connection.split();
                self.route.target.to_http2(&mut request);
                // In a box, so that the others' is no larger for it.
                let sent = Box::pin(sender.try_send_request(request));
                let result = timeout(limit, sent).await;
                let result = result.map_err(|_| self.route.late(limit));
                self.judge(result, Lease::Http2 { _exchange: stream }, None)
            }
        }
    }

    /// What came of sending it.
    fn judge(
        &mut self,
        result: Result<Sent<B>, HttpError>,
        lease: Lease<B>,
        seen: Option<Seen>,
    ) -> Result<Response<ResponseBody<B>>, HttpError> {
        let error = match result {
            Ok(Ok(response)) => return Ok(self.route.respond(response, lease)),
            Ok(Err(mut error)) => {
                self.request = error.take_message();
                match &self.request {
                    Some(_) => never_sent(),
                    None => HttpError::of_exchange(error.error(), self.route.target.host()),
                }
            }
            Err(late) => late,
        };
        match seen {
            // Whatever became of the rest of its head.
            Some(Seen::Status(status)) if self.request.is_none() => {
                Ok(self.route.respond_with(status, error))
            }
            Some(Seen::Http2) => Err(self.route.other_protocol(HTTP2)),
            Some(Seen::Tls) => Err(self.route.other_protocol(TLS)),
            _ => Err(error),
        }
    }
}

type Sent<B> = Result<Response<Incoming>, TrySendError<Request<B>>>;

/// So many new connections are tried that are closed before a byte is written.
const CONNECTIONS: usize = 3;

/// What is said of an endpoint that is spoken to in the clear.
const HTTP2: &str = "speaks HTTP/2 without TLS (h2c), which is not supported: give the URL of a port that speaks HTTP/1.1, or of one that speaks HTTP/2 over TLS (https://)";
const TLS: &str = "expects TLS: write https:// in place of http://";

/// Where one request goes.
pub(super) struct Route<B> {
    pub client: Client<B>,
    pub target: Target,
    pub slot: Arc<Slot<B>>,
    pub options: Options,
}

type Connection<B> = (Sender<B>, SocketAddr);

impl<B> Route<B>
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// A kept connection, if its peer is one that this request may reach.
    fn take(&self) -> Option<Connection<B>> {
        let (host, port) = (self.target.host(), self.target.port());
        let allow = &self.options.allow;
        self.slot
            .take(|peer| allow.check_address(host, port, peer.ip()).is_ok())
    }

    /// A new connection; or another's that was waited for, and can be shared.
    async fn open(&self) -> Result<Connection<B>, HttpError> {
        if self.slot.speaks_http1() {
            return self.connect().await;
        }
        let limit = self.options.connect_timeout;
        let waited = timeout(limit, self.slot.first.lock()).await;
        let guard = waited.map_err(|_| HttpError::ConnectTimeout {
            host: self.target.host().into(),
            after: limit,
        })?;
        match self.take() {
            Some(connection) => Ok(connection),
            None if self.slot.speaks_http1() => {
                drop(guard);
                self.connect().await
            }
            None => self.connect().await,
        }
    }

    /// So long, or what is left of the whole exchange's time.
    fn within(&self, limit: Duration) -> Duration {
        let left = |deadline: Instant| deadline.saturating_duration_since(Instant::now());
        self.options
            .deadline
            .map_or(limit, |it| limit.min(left(it)))
    }

    async fn connect(&self) -> Result<Connection<B>, HttpError> {
        let Options {
            allow,
            connect_timeout,
            ..
        } = &self.options;
        let tls = &self.client.shared.tls;
        let limit = self.within(*connect_timeout);
        let connected = self.client.connected(&self.target)?;
        let made = connect(&self.target, allow, tls, limit, connected).await;
        if let Err(HttpError::Shortage(Shortage::Descriptors)) = made {
            // Whatever opens one next has this.
            self.client.shared.pool.close_oldest(Duration::ZERO);
        }
        let (sender, peer) = made?;
        self.client.sweep_in_background();
        self.slot.learn(&sender, peer);
        Ok((sender, peer))
    }

    /// Over HTTP/1.1.
    fn send(
        &self,
        connection: &mut Http1<B>,
        mut request: Request<B>,
    ) -> impl Future<Output = Result<Response<Incoming>, TrySendError<Request<B>>>> {
        if self.options.upload != Upload::AtOnce || self.client.shared.pace.is_busy() {
            connection.run();
        }
        self.target.to_http1(&mut request, &self.slot.host_header);
        connection.send(request)
    }

    fn respond(&self, response: Response<Incoming>, lease: Lease<B>) -> Response<ResponseBody<B>> {
        let stall = self.options.between_bytes_timeout;
        response.map(|body| ResponseBody::new(body, stall, lease, self.slot.clone()))
    }

    /// A response of which only the status could be read.
    fn respond_with(&self, status: u16, error: HttpError) -> Response<ResponseBody<B>> {
        tracing::debug!(%error, status, "only the status of a response could be read");
        let mut response = Response::new(ResponseBody::broken(error, self.slot.clone()));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        response
    }

    fn late(&self, after: Duration) -> HttpError {
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

/// The endpoint closes connections before it has seen a request, which is the
/// endpoint's failure.
fn never_sent() -> HttpError {
    HttpError::Closed("it was closed before the request was written".into())
}
