//! A listener: takes connections within its limits, hands their requests to a
//! service, and stops without cutting off what is under way.

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
use super::answer;
use super::clock;
use super::reserve::Reserve;
use super::seats::{Seat, Seats};
use super::stream::Stream;
use crate::trouble::Troubles;

/// One entry of metadata is a header, and a thousand must do.
const MAX_HEADERS: usize = 2048;
/// How long the head of a request may take at a stop.
const HEAD_AT_STOP: Duration = Duration::from_secs(1);
/// How long the head of a request may take on a connection that uses the descriptor of
/// a spare: other connections wait for this descriptor.
const EMERGENCY_HEAD: Duration = Duration::from_millis(250);
/// How long such a connection may take in all.
const EMERGENCY: Duration = Duration::from_secs(2);

type BoxError = Box<dyn Error + Send + Sync>;

/// What one listener may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections; with more, the one that is idle for the longest time is
    /// closed.
    pub connections: usize,
    /// Connections besides, for requests that are answered while all others
    /// are busy.
    pub extra: usize,
    /// The head of one request, in bytes.
    pub head: usize,
    /// The heads of all requests together, in bytes.
    pub heads: u64,
    /// A connection without a request for so long is closed.
    pub idle: Duration,
}

/// What is served.
pub trait Service: Send + Sync + 'static {
    /// The body of its answers.
    type Body: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static;

    /// Answers one request. `is_extra` is set if the connection is beyond the regular
    /// number, or uses the last descriptor: the service then answers only requests
    /// that take little time.
    fn answer(
        &self,
        request: Request<Incoming>,
        is_extra: bool,
    ) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// Serves until `shutdown` completes, then lets the requests under way end
/// within the time that it returns. Returns whether all of them did.
pub async fn serve<S: Service>(
    listener: TcpListener,
    service: Arc<S>,
    limits: Limits,
    troubles: Troubles,
    shutdown: impl Future<Output = Duration>,
) -> bool {
    let seats = Arc::new(Seats::new(limits.connections, limits.extra, limits.heads));
    let acceptor = Acceptor {
        listener,
        seats: seats.clone(),
        reserve: Reserve::new(),
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
                    seats: seats.clone(),
                    seat: accepted.seat,
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
    // Nobody new; those who are here see the channel close.
    drop((acceptor, stop));
    let rest = async {
        let mut ended = async || while connections.join_next().await.is_some() {};
        if timeout(HEAD_AT_STOP, ended()).await.is_err() {
            // A connection that is still idle is in the middle of a request's head.
            while seats.make_room(Duration::ZERO) {}
            ended().await;
        }
    };
    timeout(grace, rest).await.is_ok()
}

/// One connection.
struct Connection<S> {
    service: Arc<S>,
    seats: Arc<Seats>,
    seat: Arc<Seat>,
    emergency: Option<Emergency>,
}

/// The connection was told to close before its request began.
#[derive(Debug, thiserror::Error)]
#[error("the connection made room for another")]
struct Evicted;

impl<S: Service> Connection<S> {
    async fn serve(self, stream: TcpStream, limits: Limits, mut stopped: watch::Receiver<()>) {
        // An answer is small, and must not wait for an acknowledgement.
        let _ = stream.set_nodelay(true);
        let stream = Stream::new(stream, self.seats.clone(), self.seat.clone());
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
                () = self.seat.evicted() => return,
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
        let busy = Busy::begin(&self.seats, &self.seat).ok_or(Evicted)?;
        let answer = match host_fault(&request) {
            Some(fault) => {
                let error = json!({ "error": fault });
                answer::status(StatusCode::BAD_REQUEST, &error).map(Either::Left)
            }
            None => {
                let is_extra = self.seat.is_extra || self.emergency.is_some();
                let answer = self.service.answer(request, is_extra).await;
                answer.map(Either::Right)
            }
        };
        Ok(answer.map(|body| Tracked { body, _busy: busy }))
    }
}

impl<S> Drop for Connection<S> {
    fn drop(&mut self) {
        self.seats.leave(&self.seat);
    }
}

/// What RFC 9112 section 3.2 has a server refuse.
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

type Answer<B> = Response<Tracked<Either<Full<Bytes>, B>>>;

/// A request under way; dropped, it is over.
struct Busy {
    seats: Arc<Seats>,
    seat: Arc<Seat>,
}

impl Busy {
    fn begin(seats: &Arc<Seats>, seat: &Arc<Seat>) -> Option<Self> {
        seat.begin().then(|| Self {
            seats: seats.clone(),
            seat: seat.clone(),
        })
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.seats.rest(&self.seat);
    }
}

/// The body of an answer: its request is over once all of it is sent.
struct Tracked<B> {
    body: B,
    _busy: Busy,
}

impl<B: Body + Unpin> Body for Tracked<B> {
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
