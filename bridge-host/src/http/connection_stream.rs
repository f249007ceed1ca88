//! The stream of a connection. It holds the connection's permit, and over HTTP/1.1 limits and
//! inspects the bytes up to the end of a response's head.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connection_limit::ConnectionPermit;
use super::sniffer::{Sniffed, Sniffer};

/// How many bytes may come before the end of a response's head, informational responses included.
/// Browsers allow as much.
pub(super) const MAX_HEAD: usize = 256 << 10;

/// How many bytes of a head are read before other tasks get their turn.
const YIELD_AFTER: usize = 16 << 10;

/// The stream that hyper reads from and writes to.
pub(super) struct ConnectionStream<S> {
    stream: S,
    monitor: Option<Arc<HeadMonitor>>,
    _permit: ConnectionPermit,
}

impl<S> ConnectionStream<S> {
    /// Wraps a stream, and holds the permit until the stream is dropped.
    pub fn new(stream: S, permit: ConnectionPermit) -> Self {
        Self {
            stream,
            monitor: None,
            _permit: permit,
        }
    }

    /// Returns the same stream with its reads monitored.
    pub fn monitored(self, monitor: Arc<HeadMonitor>) -> Self {
        Self {
            monitor: Some(monitor),
            ..self
        }
    }
}

/// Limits and inspects what is read of a connection since its last request.
#[derive(Debug)]
pub(super) struct HeadMonitor(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Whether the head of a response has yet to arrive.
    awaits_head: bool,
    read: usize,
    /// The number of bytes at which reading yields next.
    yields_at: usize,
    sniffer: Sniffer,
}

impl HeadMonitor {
    /// Returns the monitor of a connection on which nothing was sent.
    pub fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            awaits_head: true,
            read: 0,
            yields_at: YIELD_AFTER,
            sniffer: Sniffer::default(),
        })))
    }

    /// Prepares for the response to a new request. Forgets what the server sent unasked, unless it
    /// showed another protocol.
    pub fn begin_response(&self) {
        let mut state = self.0.lock();
        if !matches!(state.sniffer.sniffed(), Some(Sniffed::Http2 | Sniffed::Tls)) {
            state.sniffer = Sniffer::default();
        }
        state.awaits_head = true;
        (state.read, state.yields_at) = (0, YIELD_AFTER);
    }

    /// Ends the inspection: the head of the response has arrived.
    pub fn head_complete(&self) {
        self.0.lock().awaits_head = false;
    }

    /// Returns what the response to the last request begins with.
    pub fn sniffed(&self) -> Option<Sniffed> {
        self.0.lock().sniffer.sniffed()
    }

    /// Returns `Ready` if more bytes may be read now. Fails when the head is too long.
    fn poll_read(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.lock();
        if !state.awaits_head || state.read < state.yields_at {
            return Poll::Ready(Ok(()));
        }
        if state.read >= MAX_HEAD {
            return Poll::Ready(Err(io::Error::other(format!(
                "the head of the response is longer than {} KiB",
                MAX_HEAD >> 10
            ))));
        }
        state.yields_at = state.read + YIELD_AFTER;
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn note(&self, bytes: &[u8]) {
        let mut state = self.0.lock();
        if state.awaits_head {
            state.read += bytes.len();
            state.sniffer.feed(bytes);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ConnectionStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let Some(monitor) = &this.monitor else {
            return Pin::new(&mut this.stream).poll_read(context, buffer);
        };
        ready!(monitor.poll_read(context))?;
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        monitor.note(&buffer.filled()[before..]);
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ConnectionStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
