//! The response body for a batch: one line for each message, in the order of the
//! messages. Publishing them stays out: `batch` does it.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// The body of the response to a batch. It sends each line as soon as the lines before it
/// are complete.
pub(super) struct BatchReply {
    waiting: mpsc::Receiver<JoinHandle<Bytes>>,
    first: Option<JoinHandle<Bytes>>,
}

impl BatchReply {
    /// Creates a body of the lines that the tasks from this channel return.
    pub fn new(waiting: mpsc::Receiver<JoinHandle<Bytes>>) -> Self {
        Self {
            waiting,
            first: None,
        }
    }
}

impl Body for BatchReply {
    type Data = Bytes;
    type Error = Infallible;

    /// Returns all complete lines as one frame.
    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        let mut ready = BytesMut::new();
        let ended = loop {
            let first = match &mut this.first {
                Some(first) => first,
                none => match this.waiting.poll_recv(cx) {
                    Poll::Ready(Some(next)) => none.insert(next),
                    Poll::Ready(None) => break true,
                    Poll::Pending => break false,
                },
            };
            match Pin::new(first).poll(cx) {
                Poll::Ready(Ok(answer)) => ready.extend_from_slice(&answer),
                // The publishing task panicked, so the outcome of this line is unknown.
                // The body ends, because the reader would take a later line for this one.
                Poll::Ready(Err(_)) => break true,
                Poll::Pending => break false,
            }
            this.first = None;
        };
        match (ready.is_empty(), ended) {
            (false, _) => Poll::Ready(Some(Ok(Frame::data(ready.freeze())))),
            (true, true) => Poll::Ready(None),
            (true, false) => Poll::Pending,
        }
    }
}
