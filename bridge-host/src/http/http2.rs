//! A connection over HTTP/2, and how many exchanges are on it: past a number,
//! another connection is made, or the server would have them wait in a line.

use std::sync::Arc;
use std::time::Instant;

use hyper::client::conn::http2::SendRequest;

/// The exchanges that one connection has at most: what RFC 9113 asks servers to
/// allow at least.
const STREAMS: usize = 100;

/// One connection; clones share it.
pub(super) struct Http2<B> {
    pub sender: SendRequest<B>,
    pub born: Instant,
    /// One for the pool, one for each exchange.
    streams: Stream,
}

/// An exchange on a connection, until it is dropped.
#[derive(Clone)]
pub(super) struct Stream(Arc<()>);

impl<B> Clone for Http2<B> {
    fn clone(&self) -> Self {
        Self {
            sender: self.sender.clone(),
            born: self.born,
            streams: self.streams.clone(),
        }
    }
}

impl<B> Http2<B> {
    /// A new connection.
    pub fn new(sender: SendRequest<B>) -> Self {
        Self {
            sender,
            born: Instant::now(),
            streams: Stream(Arc::new(())),
        }
    }

    /// Whether it takes another exchange. Asked of the pool's.
    pub fn has_room(&self) -> bool {
        Arc::strong_count(&self.streams.0) <= STREAMS
    }

    /// The sender, and the exchange to be sent on it.
    pub fn split(self) -> (SendRequest<B>, Stream) {
        (self.sender, self.streams)
    }
}
