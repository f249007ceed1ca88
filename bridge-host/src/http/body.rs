//! The body of a response: as it comes, with a limit on how long it stalls;
//! at its end the connection goes back to where it was taken.

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
use super::http1::Http1;
use super::http2::Stream;
use super::pool::Slot;

/// Of what is left of a body that nobody reads, so much is read after all, to
/// keep the connection.
const DRAIN_BYTES: usize = 64 << 10;
/// And for so long.
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// The body of a response.
///
/// Dropped before its end, it reads a short rest in the background so that the
/// connection can be used again; over a long one, the connection is closed.
pub struct ResponseBody<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    incoming: Option<Incoming>,
    /// Why there is no body to read: its head could not be.
    broken: Option<HttpError>,
    stall: Option<Duration>,
    stalled: Option<Pin<Box<Sleep>>>,
    lease: Option<Lease<B>>,
    slot: Arc<Slot<B>>,
}

/// The right to a connection while an exchange is on it.
pub(super) enum Lease<B> {
    /// Alone.
    Http1(Http1<B>, SocketAddr),
    /// Beside others.
    Http2 {
        /// Counted until it is dropped.
        _exchange: Stream,
    },
}

impl<B> Lease<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Dropped, it closes a connection that is for one exchange at a time.
    fn give_back(self, slot: Arc<Slot<B>>) {
        if let Self::Http1(connection, peer) = self {
            slot.give_back(connection, peer);
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
        lease: Lease<B>,
        slot: Arc<Slot<B>>,
    ) -> Self {
        let mut body = Self {
            incoming: Some(incoming),
            broken: None,
            stall,
            stalled: None,
            lease: Some(lease),
            slot,
        };
        body.settle();
        body
    }

    /// That of a response of which only the status could be read.
    pub(super) fn broken(error: HttpError, slot: Arc<Slot<B>>) -> Self {
        Self {
            incoming: None,
            broken: Some(error),
            stall: None,
            stalled: None,
            lease: None,
            slot,
        }
    }

    /// Gives the connection back when the body is at its end.
    fn settle(&mut self) {
        if self.is_end_stream()
            && let Some(lease) = self.lease.take()
        {
            lease.give_back(self.slot.clone());
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
            Some(Lease::Http1(connection, _)) => connection.poll_frame(incoming, cx),
            _ => Pin::new(incoming).poll_frame(cx),
        };
        match frame {
            Poll::Ready(Some(Ok(frame))) => {
                this.stalled = None;
                this.settle();
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                let error = HttpError::of_exchange(&error, &this.slot.host);
                this.fail(error)
            }
            Poll::Ready(None) => {
                this.incoming = None;
                this.settle();
                Poll::Ready(None)
            }
            Poll::Pending => {
                let Some(limit) = this.stall else {
                    return Poll::Pending;
                };
                let stalled = this.stalled.get_or_insert_with(|| Box::pin(sleep(limit)));
                ready!(stalled.as_mut().poll(cx));
                let host = this.slot.host.to_string();
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
        let (Some(mut incoming), Some(Lease::Http1(mut connection, peer))) =
            (self.incoming.take(), self.lease.take())
        else {
            return;
        };
        let slot = self.slot.clone();
        let mut left = DRAIN_BYTES;
        // Short bodies are here already, as a rule.
        match poll_drain(
            &mut incoming,
            &mut connection,
            &mut left,
            &mut Context::from_waker(Waker::noop()),
        ) {
            Poll::Ready(true) => slot.give_back(connection, peer),
            Poll::Ready(false) => {}
            Poll::Pending => {
                if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                    runtime.spawn(async move {
                        let rest = std::future::poll_fn(|cx| {
                            poll_drain(&mut incoming, &mut connection, &mut left, cx)
                        });
                        if let Ok(true) = timeout(DRAIN_TIME, rest).await {
                            slot.give_back(connection, peer);
                        }
                    });
                }
            }
        }
    }
}

/// Reads to the end, and tells whether it got there.
fn poll_drain<B>(
    incoming: &mut Incoming,
    connection: &mut Http1<B>,
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
