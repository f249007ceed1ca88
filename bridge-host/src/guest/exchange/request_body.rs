//! The body of a request that a component wrote before it sent it: all of it is
//! there, and goes out in one piece.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::http::Upload;

/// A body whose first frames were taken.
struct Begun {
    taken: VecDeque<Taken>,
    rest: WasiBody,
}

type Taken = Result<Frame<Bytes>, Error>;

/// Of a kept connection the system takes this much at once.
const SMALL: u64 = 16 << 10;

/// The same request, with what is there of its body taken out of the
/// component's hands.
pub(crate) fn taken(request: Request<WasiBody>) -> (Request<WasiBody>, Upload) {
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
    let body = piece.unwrap_or_else(|| Begun { taken, rest: body }.boxed_unsync());
    let upload = match body.size_hint().exact() {
        Some(size) if is_whole && size <= SMALL => Upload::AtOnce,
        _ => Upload::InTime,
    };
    (Request::from_parts(head, body), upload)
}

/// What needs no queue.
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

impl Body for Begun {
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

    /// A request whose body has these frames so far, and the way to more.
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
    async fn one_that_ended_is_known() {
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
            let (request, upload) = taken(request);
            let known = exact.map_or(Upload::InTime, |_| Upload::AtOnce);
            assert_eq!(upload, known, "{expected:?}");
            assert_eq!(request.body().size_hint().exact(), exact);
            assert_eq!(text(request).await, (expected.0.into(), expected.1));
        }
    }

    #[test]
    fn a_long_one_takes_time() {
        for (size, expected) in [(SMALL, Upload::AtOnce), (SMALL + 1, Upload::InTime)] {
            let bytes = Bytes::from(vec![b'x'; size as usize]);
            let (request, _) = request(vec![Frame::data(bytes)]);
            assert_eq!(taken(request).1, expected);
        }
    }

    #[tokio::test]
    async fn one_that_goes_on_is_not_and_loses_nothing() {
        let (request, sender) = request(vec![data("a"), data("b")]);
        let (request, upload) = taken(request);
        assert_eq!(upload, Upload::InTime);
        sender.try_send(data("c")).unwrap();
        drop(sender);
        assert_eq!(text(request).await, ("abc".into(), false));
    }
}
