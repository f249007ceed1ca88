//! The part of a request's body that a component wrote before it sent the request. A complete body
//! is sent in one piece.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::http::Upload;

/// A body whose first frames were read.
struct PartlyReadBody {
    taken: VecDeque<Taken>,
    rest: WasiBody,
}

type Taken = Result<Frame<Bytes>, Error>;

/// How many bytes the system accepts at once on a pooled connection.
const SHORT_BODY: u64 = 16 << 10;

/// Reads the frames of a request's body that have arrived. Returns the request, and whether its
/// body is complete and short.
pub(crate) fn take_written(request: Request<WasiBody>) -> (Request<WasiBody>, Upload) {
    let (head, mut body) = request.into_parts();
    let mut taken = VecDeque::new();
    let mut context = Context::from_waker(Waker::noop());
    let is_whole = loop {
        match Pin::new(&mut body).poll_frame(&mut context) {
            Poll::Ready(Some(frame)) => taken.push_back(frame),
            Poll::Ready(None) => break true,
            Poll::Pending => break false,
        }
    };
    let piece = match is_whole {
        true => in_one_piece(&mut taken),
        false => None,
    };
    let body = piece.unwrap_or_else(|| PartlyReadBody { taken, rest: body }.boxed_unsync());
    let upload = match body.size_hint().exact() {
        Some(size) if is_whole && size <= SHORT_BODY => Upload::Complete,
        _ => Upload::Streamed,
    };
    (Request::from_parts(head, body), upload)
}

/// Returns a body without a queue, if it consists of one frame at most.
fn in_one_piece(taken: &mut VecDeque<Taken>) -> Option<WasiBody> {
    match taken.front() {
        None => return Some(Empty::new().map_err(never).boxed_unsync()),
        Some(Ok(frame)) if frame.is_data() && taken.len() == 1 => {}
        Some(_) => return None,
    }
    let data = taken.pop_front()?.ok()?.into_data().ok()?;
    Some(Full::new(data).map_err(never).boxed_unsync())
}

fn never(never: std::convert::Infallible) -> Error {
    match never {}
}

impl Body for PartlyReadBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Taken>> {
        match self.taken.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => Pin::new(&mut self.rest).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.taken.is_empty() && self.rest.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http_body_util::StreamBody;
    use tokio::sync::mpsc;

    use super::*;

    /// Returns a request whose body has these frames so far, and the sender of more frames.
    fn request(frames: Vec<Frame<Bytes>>) -> (Request<WasiBody>, mpsc::Sender<Frame<Bytes>>) {
        let (sender, mut receiver) = mpsc::channel(8);
        for frame in frames {
            sender.try_send(frame).unwrap();
        }
        let frames = futures_util::stream::poll_fn(move |context| {
            receiver.poll_recv(context).map(|frame| frame.map(Ok))
        });
        (Request::new(StreamBody::new(frames).boxed_unsync()), sender)
    }

    async fn text(request: Request<WasiBody>) -> (Bytes, bool) {
        let body = request.into_body().collect().await.unwrap();
        let trailers = body.trailers().is_some();
        (body.to_bytes(), trailers)
    }

    fn data(text: &'static str) -> Frame<Bytes> {
        Frame::data(Bytes::from_static(text.as_bytes()))
    }

    #[tokio::test]
    async fn a_complete_body_is_recognized() {
        for (frames, expected, exact) in [
            (vec![], ("", false), Some(0)),
            (vec![data("a")], ("a", false), Some(1)),
            (vec![data("a"), data("b")], ("ab", false), None),
            (
                vec![data("a"), Frame::trailers(HeaderMap::new())],
                ("a", true),
                None,
            ),
        ] {
            let (request, _) = request(frames);
            let (request, upload) = take_written(request);
            let known = exact.map_or(Upload::Streamed, |_| Upload::Complete);
            assert_eq!(upload, known, "{expected:?}");
            assert_eq!(request.body().size_hint().exact(), exact);
            assert_eq!(text(request).await, (expected.0.into(), expected.1));
        }
    }

    #[test]
    fn a_long_body_is_streamed() {
        for (size, expected) in [
            (SHORT_BODY, Upload::Complete),
            (SHORT_BODY + 1, Upload::Streamed),
        ] {
            let bytes = Bytes::from(vec![b'x'; size as usize]);
            let (request, _) = request(vec![Frame::data(bytes)]);
            assert_eq!(take_written(request).1, expected);
        }
    }

    #[tokio::test]
    async fn an_incomplete_body_is_streamed_without_loss() {
        let (request, sender) = request(vec![data("a"), data("b")]);
        let (request, upload) = take_written(request);
        assert_eq!(upload, Upload::Streamed);
        sender.try_send(data("c")).unwrap();
        drop(sender);
        assert_eq!(text(request).await, ("abc".into(), false));
    }
}
