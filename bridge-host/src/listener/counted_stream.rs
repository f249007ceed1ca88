//! The stream of a connection. Reads are short, the bytes of request heads are counted, and a
//! client that does not read its response is disconnected.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use super::connection_table::{ConnectionEntry, ConnectionTable};

/// How many bytes are read at once. The server's buffer of a connection grows with the length of a
/// read.
const READ: usize = 32 << 10;
/// How long a client may take to accept the next bytes of a response.
const STALL: Duration = Duration::from_secs(30);

pub(super) struct CountedStream {
    inner: TcpStream,
    table: Arc<ConnectionTable>,
    entry: Arc<ConnectionEntry>,
    /// Runs while the client accepts no bytes.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl CountedStream {
    pub(super) fn new(
        inner: TcpStream,
        table: Arc<ConnectionTable>,
        entry: Arc<ConnectionEntry>,
    ) -> Self {
        Self {
            inner,
            table,
            entry,
            stalled: None,
        }
    }

    /// Counts bytes of a request's head. Once the request has begun, the head is complete, and
    /// further bytes belong to the body.
    fn count(&mut self, bytes: usize) -> io::Result<()> {
        self.stalled = None;
        match !self.entry.is_idle() || self.table.read(&self.entry, bytes as u64) {
            true => Ok(()),
            false => Err(io::Error::new(
                io::ErrorKind::OutOfMemory,
                "too many large request heads at once",
            )),
        }
    }

    /// Returns `written`, or an error if the client has accepted nothing for too long.
    fn watched(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(STALL)));
        ready!(stalled.as_mut().poll(cx));
        stalled.as_mut().reset(Instant::now() + STALL);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for CountedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        if buffer.remaining() <= READ {
            ready!(Pin::new(&mut this.inner).poll_read(cx, buffer))?;
        } else {
            let mut part = ReadBuf::new(buffer.initialize_unfilled_to(READ));
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut part))?;
            let read = part.filled().len();
            buffer.advance(read);
        }
        Poll::Ready(this.count(buffer.filled().len() - before))
    }
}

impl AsyncWrite for CountedStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.inner).poll_write(cx, bytes);
        this.watched(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.inner).poll_write_vectored(cx, parts);
        this.watched(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}
