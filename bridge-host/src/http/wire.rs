//! A connection's stream, with its right to be one of the process's; and over
//! HTTP/1.1 a look at what comes before the head of a response is there.

use parking_lot::{Mutex, MutexGuard};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connections::Connected;
use super::sniff::{Seen, Sniffer};

/// The most that may come before the head of a response is at its end, with the
/// informational responses in front of it: as much as browsers take.
pub(super) const MAX_HEAD: usize = 256 << 10;

/// After so much of it others have their turn.
const STRETCH: usize = 16 << 10;

/// What a connection reads from and writes to.
pub(super) struct Wire<S> {
    stream: S,
    watch: Option<Arc<Watch>>,
    _connected: Connected,
}

impl<S> Wire<S> {
    /// Keeps the right to the connection for as long as the stream.
    pub fn new(stream: S, connected: Connected) -> Self {
        Self {
            stream,
            watch: None,
            _connected: connected,
        }
    }

    /// The same, looked at.
    pub fn watched(self, watch: Arc<Watch>) -> Self {
        Self {
            watch: Some(watch),
            ..self
        }
    }
}

/// What was read of a connection since its last request.
#[derive(Debug)]
pub(super) struct Watch(Mutex<State>);

#[derive(Debug)]
struct State {
    /// The head of a response is not there yet.
    awaits: bool,
    read: usize,
    /// After these many bytes it yields.
    yields_at: usize,
    sniffer: Sniffer,
}

impl Watch {
    /// Of a connection on which nothing was sent.
    pub fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            awaits: true,
            read: 0,
            yields_at: STRETCH,
            sniffer: Sniffer::default(),
        })))
    }

    /// A request goes out. What a server said unasked is forgotten, unless it
    /// showed that this is no HTTP.
    pub fn expect(&self) {
        let mut state = self.lock();
        if !matches!(state.sniffer.seen(), Some(Seen::Http2 | Seen::Tls)) {
            state.sniffer = Sniffer::default();
        }
        state.awaits = true;
        (state.read, state.yields_at) = (0, STRETCH);
    }

    /// The head of its response is there.
    pub fn done(&self) {
        self.lock().awaits = false;
    }

    /// What came in answer to the last request.
    pub fn seen(&self) -> Option<Seen> {
        self.lock().sniffer.seen()
    }

    /// Whether more may be read now.
    fn poll_read(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.lock();
        if !state.awaits || state.read < state.yields_at {
            return Poll::Ready(Ok(()));
        }
        if state.read >= MAX_HEAD {
            return Poll::Ready(Err(io::Error::other(format!(
                "more than {} KiB came before the end of its head",
                MAX_HEAD >> 10
            ))));
        }
        state.yields_at = state.read + STRETCH;
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn note(&self, bytes: &[u8]) {
        let mut state = self.lock();
        if state.awaits {
            state.read += bytes.len();
            state.sniffer.feed(bytes);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let Some(watch) = &this.watch else {
            return Pin::new(&mut this.stream).poll_read(context, buffer);
        };
        ready!(watch.poll_read(context))?;
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        watch.note(&buffer.filled()[before..]);
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
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
