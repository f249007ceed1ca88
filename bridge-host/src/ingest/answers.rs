//! The answers to the lines of a batch, as the body of a response: in the order of
//! the lines, each as soon as it is there.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// The answers to a batch, as they come.
pub(super) struct Answers {
    waiting: mpsc::Receiver<JoinHandle<Bytes>>,
    first: Option<JoinHandle<Bytes>>,
}

impl Answers {
    /// The answers that come this way.
    pub fn new(waiting: mpsc::Receiver<JoinHandle<Bytes>>) -> Self {
        Self {
            waiting,
            first: None,
        }
    }
}

impl Body for Answers {
    type Data = Bytes;
    type Error = Infallible;

    /// All the answers that are there, as one frame.
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
                // Publishing panicked. Nothing true can be said of this line
                // and the lines behind it would be taken for it: stop.
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
