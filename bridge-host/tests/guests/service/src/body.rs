//! Responses, by the way their bodies are written.

use crate::wasi::clocks::monotonic_clock::wait_for;
use crate::wasi::http::types::{ErrorCode, Fields, Request, Response, Trailers};
use crate::{wit_future, wit_stream};
use wit_bindgen::rt::async_support::{FutureWriter, StreamResult, StreamWriter};
use wit_bindgen::spawn_local;

/// The future that marks a body as complete.
type End = FutureWriter<Result<Option<Trailers>, ErrorCode>>;

/// Returns a response, and the stream for its body.
fn begin(headers: Fields) -> (Response, StreamWriter<u8>, End) {
    let (body, contents) = wit_stream::new();
    let (end, trailers) = wit_future::new(|| Err(ErrorCode::InternalError(None)));
    let (response, _) = Response::new(headers, Some(contents), trailers);
    (response, body, end)
}

/// Returns a response whose body is written concurrently.
fn written(
    headers: Fields,
    write: impl AsyncFnOnce(&mut StreamWriter<u8>) -> Option<Trailers> + 'static,
) -> Response {
    let (response, mut body, end) = begin(headers);
    spawn_local(async move {
        let trailers = write(&mut body).await;
        drop(body);
        // The reader may have stopped.
        let _ = end.write(Ok(trailers)).await;
    });
    response
}

pub fn whole(headers: Fields, data: Vec<u8>) -> Response {
    written(headers, async |body| {
        body.write_all(data).await;
        None
    })
}

/// Returns a response with this many bytes.
pub fn zeros(mut left: usize) -> Response {
    written(Fields::new(), async move |body| {
        while left > 0 {
            let now = left.min(64 << 10);
            body.write_all(vec![b'x'; now]).await;
            left -= now;
        }
        None
    })
}

/// Returns a response that streams the request's body and trailers.
pub fn echoed(headers: Fields, request: Request) -> Response {
    let (_, done) = wit_future::new(|| Ok(()));
    let (contents, trailers) = Request::consume_body(request, done);
    let (response, _) = Response::new(headers, Some(contents), trailers);
    response
}

/// Does the same by copying each part. Traps if the reader stops early.
pub fn copied(headers: Fields, request: Request) -> Response {
    let (_, done) = wit_future::new(|| Ok(()));
    let (mut contents, trailers) = Request::consume_body(request, done);
    let (response, mut body, end) = begin(headers);
    spawn_local(async move {
        while let (StreamResult::Complete(_), part) = contents.read(Vec::with_capacity(1024)).await
        {
            assert!(body.write_all(part).await.is_empty(), "the reader stopped");
        }
        drop(body);
        let ended = end.write(trailers.await).await;
        assert!(ended.is_ok(), "the trailers were not read");
    });
    response
}

pub fn with_trailers() -> Response {
    written(Fields::new(), async |body| {
        body.write_all(b"followed by trailers".to_vec()).await;
        let trailers = [("x-sum".to_owned(), b"17".to_vec())];
        Some(Fields::from_list(&trailers).expect("legal trailers"))
    })
}

/// Traps after a part of the body is written.
pub fn trapping() -> Response {
    written(Fields::new(), async |body| {
        body.write_all(b"so far so good".to_vec()).await;
        panic!("told to trap late");
    })
}

/// Hangs after the head is sent.
pub fn hanging() -> Response {
    written(Fields::new(), async |_| {
        loop {
            wait_for(1_000_000_000).await;
        }
    })
}

/// Returns without finishing the body.
pub fn unfinished() -> Response {
    let (response, body, end) = begin(Fields::new());
    std::mem::forget((body, end));
    response
}

/// Ends the body before the declared length.
pub fn shorter_than_it_says() -> Response {
    let length = [("content-length".to_owned(), b"100".to_vec())];
    whole(
        Fields::from_list(&length).expect("legal headers"),
        b"not a hundred".to_vec(),
    )
}

/// Returns a request without a body.
pub fn request() -> Request {
    let (end, trailers) = wit_future::new(|| Ok(None));
    drop(end);
    let (request, _) = Request::new(Fields::new(), None, trailers, None);
    request
}
