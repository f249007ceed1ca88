//! A connection's bytes: reads are short, those of a head are counted, and an
//! answer that the other side does not take ends the connection.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use super::seats::{Seat, Seats};

/// The most that is read at once: the server's buffer of a connection grows
/// with what it reads.
const READ: usize = 32 << 10;
/// The other side takes or sends something within this time, or the answer is
/// given up.
const STALL: Duration = Duration::from_secs(30);

pub(super) struct Stream {
    inner: TcpStream,
    seats: Arc<Seats>,
    seat: Arc<Seat>,
    /// Runs while the other side does not take what it is sent.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Stream {
    pub(super) fn new(inner: TcpStream, seats: Arc<Seats>, seat: Arc<Seat>) -> Self {
        Self {
            inner,
            seats,
            seat,
            stalled: None,
        }
    }

    /// Counts what was read of a head. It ends where its request begins: all
    /// of it is read by then, and a piece of the body besides.
    fn count(&mut self, bytes: usize) -> io::Result<()> {
        self.stalled = None;
        match !self.seat.is_idle() || self.seats.read(&self.seat, bytes as u64) {
            true => Ok(()),
            false => Err(io::Error::new(
                io::ErrorKind::OutOfMemory,
                "too many large request heads at once",
            )),
        }
    }

    /// The same result, or the end of the connection where the other side has
    /// not moved for too long.
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

impl AsyncRead for Stream {
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

impl AsyncWrite for Stream {
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
