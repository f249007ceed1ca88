//! The server of one listener: accepts connections within its limits, passes their requests to a
//! service, and lets requests in progress finish when it stops.

use std::error::Error;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::uri::Authority;
use http::{Request, Response, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::accept::{Acceptor, Emergency};
use super::clock;
use super::connection_table::{ConnectionEntry, ConnectionTable};
use super::counted_stream::CountedStream;
use super::descriptor_reserve::DescriptorReserve;
use super::json_response::json_response;
use crate::trouble::Troubles;

/// The limit on headers of a request. Each metadata entry of a message is a header.
const MAX_HEADERS: usize = 2048;
/// How long a client may take to complete the head of a request while the server stops.
const HEAD_AT_STOP: Duration = Duration::from_secs(1);
/// How long the head of a request may take on a connection that uses the descriptor of a spare:
/// other connections wait for this descriptor.
const EMERGENCY_HEAD: Duration = Duration::from_millis(250);
/// How long such a connection may last in total.
const EMERGENCY: Duration = Duration::from_secs(2);

type BoxError = Box<dyn Error + Send + Sync>;

/// The limits of one listener.
#[derive(Clone, Copy, Debug)]
pub struct ListenerLimits {
    /// The number of connections. One more evicts the connection that has been idle the longest.
    pub connections: usize,
    /// The number of additional connections, for requests that must be answered even while all
    /// others are busy.
    pub extra: usize,
    /// The length of one request's head, in bytes.
    pub head: usize,
    /// The memory for the heads of all requests together, in bytes.
    pub heads: u64,
    /// How long a connection may be idle.
    pub idle: Duration,
}

/// What a listener serves.
pub trait Service: Send + Sync + 'static {
    /// The body of a response.
    type Body: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static;

    /// Answers one request. `is_extra` is set if the connection is beyond the regular number, or
    /// uses the last descriptor: the service then answers only requests that take little time.
    fn answer(
        &self,
        request: Request<Incoming>,
        is_extra: bool,
    ) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// Serves until `shutdown` completes, then lets requests in progress finish within the time that
/// `shutdown` returned. Returns whether all of them finished.
pub async fn serve<S: Service>(
    listener: TcpListener,
    service: Arc<S>,
    limits: ListenerLimits,
    troubles: Troubles,
    shutdown: impl Future<Output = Duration>,
) -> bool {
    let table = Arc::new(ConnectionTable::new(
        limits.connections,
        limits.extra,
        limits.heads,
    ));
    let acceptor = Acceptor {
        listener,
        table: table.clone(),
        reserve: DescriptorReserve::new(),
        troubles,
    };
    let (stop, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    let grace = loop {
        tokio::select! {
            accepted = acceptor.next() => {
                let connection = Connection {
                    service: service.clone(),
                    table: table.clone(),
                    entry: accepted.entry,
                    emergency: accepted.emergency,
                };
                match clock::check(&acceptor.troubles) {
                    true => connections.spawn(connection.serve(accepted.stream, limits, stopped.clone())),
                    false => connections.spawn(connection.refuse(accepted.stream)),
                };
                while connections.try_join_next().is_some() {}
            }
            grace = &mut shutdown => break grace,
        }
    };
    // No new connections are accepted. Existing ones notice that the channel is closed.
    drop((acceptor, stop));
    let rest = async {
        let mut ended = async || while connections.join_next().await.is_some() {};
        if timeout(HEAD_AT_STOP, ended()).await.is_err() {
            // A connection that is still idle is in the middle of a request's head.
            while table.make_room(Duration::ZERO) {}
            ended().await;
        }
    };
    timeout(grace, rest).await.is_ok()
}

/// One connection.
struct Connection<S> {
    service: Arc<S>,
    table: Arc<ConnectionTable>,
    entry: Arc<ConnectionEntry>,
    emergency: Option<Emergency>,
}

/// The error of a connection that had to close before its request began.
#[derive(Debug, thiserror::Error)]
#[error("the connection was closed to make room for another")]
struct Evicted;

impl<S: Service> Connection<S> {
    async fn serve(
        self,
        stream: TcpStream,
        limits: ListenerLimits,
        mut stopped: watch::Receiver<()>,
    ) {
        // Nagle's algorithm would delay a small response.
        let _ = stream.set_nodelay(true);
        let stream = CountedStream::new(stream, self.table.clone(), self.entry.clone());
        let service = service_fn(|request| self.answer(request));
        let is_emergency = self.emergency.is_some();
        let idle = if is_emergency {
            EMERGENCY_HEAD
        } else {
            limits.idle
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .keep_alive(!is_emergency)
            .header_read_timeout(idle)
            .max_headers(MAX_HEADERS)
            .max_buf_size(limits.head)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        let mut late = pin!(sleep(EMERGENCY));
        let mut is_stopping = false;
        let result = loop {
            tokio::select! {
                result = &mut connection => break result,
                () = self.entry.evicted() => return,
                () = &mut late, if is_emergency => return,
                // The channel never carries a value: a change means that it was closed.
                _ = stopped.changed(), if !is_stopping => {
                    is_stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        };
        if let Err(error) = result {
            tracing::debug!(%error, "a connection ended");
        }
    }

    async fn refuse(self, stream: TcpStream) {
        clock::refuse_without_date(stream).await;
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Answer<S::Body>, Evicted> {
        let busy = ActiveRequest::begin(&self.table, &self.entry).ok_or(Evicted)?;
        let answer = match host_fault(&request) {
            Some(fault) => {
                let error = json!({ "error": fault });
                json_response(StatusCode::BAD_REQUEST, &error).map(Either::Left)
            }
            None => {
                let is_extra = self.entry.is_extra || self.emergency.is_some();
                let answer = self.service.answer(request, is_extra).await;
                answer.map(Either::Right)
            }
        };
        Ok(answer.map(|body| TrackedBody { body, _busy: busy }))
    }
}

impl<S> Drop for Connection<S> {
    fn drop(&mut self) {
        self.table.remove(&self.entry);
    }
}

/// Returns what is wrong with the `Host` header, which RFC 9112, section 3.2, has a server reject.
fn host_fault<B>(request: &Request<B>) -> Option<&'static str> {
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if request.version() >= Version::HTTP_11 => {
            Some("this request has no `Host` header, which HTTP/1.1 requires")
        }
        (Some(_), Some(_)) => Some("this request has more than one `Host` header"),
        (Some(host), None) if !host.is_empty() && Authority::try_from(host.as_bytes()).is_err() => {
            Some("this request's `Host` header is not a host and a port")
        }
        _ => None,
    }
}

type Answer<B> = Response<TrackedBody<Either<Full<Bytes>, B>>>;

/// A request in progress. Dropping it ends the request.
struct ActiveRequest {
    table: Arc<ConnectionTable>,
    entry: Arc<ConnectionEntry>,
}

impl ActiveRequest {
    fn begin(table: &Arc<ConnectionTable>, entry: &Arc<ConnectionEntry>) -> Option<Self> {
        entry.begin().then(|| Self {
            table: table.clone(),
            entry: entry.clone(),
        })
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.table.end_request(&self.entry);
    }
}

/// The body of a response. Its request ends when the body is sent completely.
struct TrackedBody<B> {
    body: B,
    _busy: ActiveRequest,
}

impl<B: Body + Unpin> Body for TrackedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
