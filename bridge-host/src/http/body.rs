//! The body of a response, with a limit on the time between two frames. At its end, the connection
//! goes back to the pool.

use std::error::Error;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep, timeout};

use super::HttpError;
use super::http1::Http1Connection;
use super::http2::StreamPermit;
use super::pool::EndpointPool;

/// How many bytes of an unread body are read after all, to keep the connection.
const DRAIN_BYTES: usize = 64 << 10;
/// How long reading an unread body may take.
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// The body of a response.
///
/// If it is dropped before its end, it reads a short remainder in the background, so that the
/// connection can be reused. If the remainder is long, it closes the connection.
pub struct ResponseBody<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    incoming: Option<Incoming>,
    /// The error of a response whose head was invalid, so that it has no body to read.
    broken: Option<HttpError>,
    stall: Option<Duration>,
    stalled: Option<Pin<Box<Sleep>>>,
    lease: Option<ConnectionLease<B>>,
    endpoint: Arc<EndpointPool<B>>,
}

/// A lease on a connection while an exchange uses it.
pub(super) enum ConnectionLease<B> {
    /// The connection serves this exchange alone.
    Http1(Http1Connection<B>, SocketAddr),
    /// The connection serves other exchanges as well.
    Http2 {
        /// Counts towards the connection's limit on exchanges until it is dropped.
        _exchange: StreamPermit,
    },
}

impl<B> ConnectionLease<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Returns the connection to the pool. Dropping the lease instead closes an HTTP/1.1
    /// connection.
    fn give_back(self, endpoint: Arc<EndpointPool<B>>) {
        if let Self::Http1(connection, peer) = self {
            endpoint.give_back(connection, peer);
        }
    }
}

impl<B> ResponseBody<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    pub(super) fn new(
        incoming: Incoming,
        stall: Option<Duration>,
        lease: ConnectionLease<B>,
        endpoint: Arc<EndpointPool<B>>,
    ) -> Self {
        let mut body = Self {
            incoming: Some(incoming),
            broken: None,
            stall,
            stalled: None,
            lease: Some(lease),
            endpoint,
        };
        body.give_back_at_end();
        body
    }

    /// Returns the body of a response of which only the status could be read.
    pub(super) fn broken(error: HttpError, endpoint: Arc<EndpointPool<B>>) -> Self {
        Self {
            incoming: None,
            broken: Some(error),
            stall: None,
            stalled: None,
            lease: None,
            endpoint,
        }
    }

    /// Returns the connection to the pool if the body has ended.
    fn give_back_at_end(&mut self) {
        if self.is_end_stream()
            && let Some(lease) = self.lease.take()
        {
            lease.give_back(self.endpoint.clone());
        }
    }

    fn fail(&mut self, error: HttpError) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        self.lease = None;
        self.incoming = None;
        Poll::Ready(Some(Err(error)))
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let this = &mut *self;
        let Some(incoming) = &mut this.incoming else {
            return Poll::Ready(this.broken.take().map(Err));
        };
        let frame = match &mut this.lease {
            Some(ConnectionLease::Http1(connection, _)) => connection.poll_frame(incoming, cx),
            _ => Pin::new(incoming).poll_frame(cx),
        };
        match frame {
            Poll::Ready(Some(Ok(frame))) => {
                this.stalled = None;
                this.give_back_at_end();
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                let error = HttpError::of_exchange(&error, &this.endpoint.host);
                this.fail(error)
            }
            Poll::Ready(None) => {
                this.incoming = None;
                this.give_back_at_end();
                Poll::Ready(None)
            }
            Poll::Pending => {
                let Some(limit) = this.stall else {
                    return Poll::Pending;
                };
                let stalled = this.stalled.get_or_insert_with(|| Box::pin(sleep(limit)));
                ready!(stalled.as_mut().poll(cx));
                let host = this.endpoint.host.to_string();
                this.fail(HttpError::BodyTimeout { host, after: limit })
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.broken.is_none() && self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.incoming {
            Some(incoming) => incoming.size_hint(),
            None if self.broken.is_some() => SizeHint::default(),
            None => SizeHint::with_exact(0),
        }
    }
}

impl<B> Drop for ResponseBody<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    fn drop(&mut self) {
        let (Some(mut incoming), Some(ConnectionLease::Http1(mut connection, peer))) =
            (self.incoming.take(), self.lease.take())
        else {
            return;
        };
        let endpoint = self.endpoint.clone();
        let mut left = DRAIN_BYTES;
        // The rest of a short body has usually arrived already.
        match poll_drain(
            &mut incoming,
            &mut connection,
            &mut left,
            &mut Context::from_waker(Waker::noop()),
        ) {
            Poll::Ready(true) => endpoint.give_back(connection, peer),
            Poll::Ready(false) => {}
            Poll::Pending => {
                if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                    runtime.spawn(async move {
                        let rest = std::future::poll_fn(|cx| {
                            poll_drain(&mut incoming, &mut connection, &mut left, cx)
                        });
                        if let Ok(true) = timeout(DRAIN_TIME, rest).await {
                            endpoint.give_back(connection, peer);
                        }
                    });
                }
            }
        }
    }
}

/// Reads to the end of the body. Returns whether the end was reached within `left` bytes.
fn poll_drain<B>(
    incoming: &mut Incoming,
    connection: &mut Http1Connection<B>,
    left: &mut usize,
    cx: &mut Context<'_>,
) -> Poll<bool>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    while !incoming.is_end_stream() {
        match ready!(connection.poll_frame(incoming, cx)) {
            Some(Ok(frame)) => {
                let read = frame.data_ref().map_or(0, Bytes::len);
                match left.checked_sub(read) {
                    Some(rest) => *left = rest,
                    None => return Poll::Ready(false),
                }
            }
            Some(Err(_)) => return Poll::Ready(false),
            None => return Poll::Ready(true),
        }
    }
    Poll::Ready(true)
}
