//! An HTTP/2 connection, and the number of its exchanges. At the limit, the pool opens another
//! connection, since the server would queue further exchanges.

use std::sync::Arc;
use std::time::Instant;

use hyper::client::conn::http2::SendRequest;

/// How many exchanges use one connection at most: the number that RFC 9113, section 6.5.2, asks
/// servers to allow at least.
const MAX_EXCHANGES: usize = 100;

/// An HTTP/2 connection. Clones share it.
pub(super) struct Http2Connection<B> {
    pub sender: SendRequest<B>,
    pub opened_at: Instant,
    /// The pool holds one clone, and each exchange one more.
    streams: StreamPermit,
}

/// One exchange's share of a connection, until it is dropped.
#[derive(Clone)]
pub(super) struct StreamPermit(Arc<()>);

impl<B> Clone for Http2Connection<B> {
    fn clone(&self) -> Self {
        Self {
            sender: self.sender.clone(),
            opened_at: self.opened_at,
            streams: self.streams.clone(),
        }
    }
}

impl<B> Http2Connection<B> {
    /// Wraps a new connection.
    pub fn new(sender: SendRequest<B>) -> Self {
        Self {
            sender,
            opened_at: Instant::now(),
            streams: StreamPermit(Arc::new(())),
        }
    }

    /// Returns whether the connection takes another exchange. Valid for the pool's clone only.
    pub fn has_room(&self) -> bool {
        Arc::strong_count(&self.streams.0) <= MAX_EXCHANGES
    }

    /// Returns the sender, and the permit that the exchange has to hold.
    pub fn split(self) -> (SendRequest<B>, StreamPermit) {
        (self.sender, self.streams)
    }
}
