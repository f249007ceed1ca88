//! Requests of wasi:http 0.3 whose body may be empty. The component need not declare that, so the
//! host reads the body to find out. Many servers and proxies reject an empty chunked body with a
//! method that needs no body.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{Method, Request};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::http::{Client, PendingRequest, RequestOptions, UnsentRequest};

/// Returns whether the host has to find out whether the body is empty: its length is unknown, and
/// the method gives content no meaning (RFC 9110, section 9.3).
pub(super) fn is_unknown(request: &Request<WasiBody>) -> bool {
    let body = request.body();
    let methods = [Method::GET, Method::HEAD, Method::DELETE];
    methods.contains(request.method())
        && !body.is_end_stream()
        && body.size_hint().exact().is_none()
}

/// A request that has begun, or the request that could not begin.
pub(super) type BeginResult = Result<PendingRequest<WasiBody>, UnsentRequest<WasiBody>>;

/// Begins the request once it is known whether it has a body.
pub(super) fn begin(
    client: Client<WasiBody>,
    request: Request<WasiBody>,
    options: RequestOptions,
) -> BoxFuture<'static, BeginResult> {
    async move { client.begin(with_known_body(request).await, options) }.boxed()
}

/// Waits for the first frame of the body. Removes the body if it is empty.
async fn with_known_body(request: Request<WasiBody>) -> Request<WasiBody> {
    let (head, mut body) = request.into_parts();
    let body = match body.frame().await {
        None => Empty::new().map_err(|never| match never {}).boxed_unsync(),
        first => PartlyReadBody { first, body }.boxed_unsync(),
    };
    Request::from_parts(head, body)
}

/// A body whose first frame was read.
struct PartlyReadBody {
    first: Option<Result<Frame<Bytes>, Error>>,
    body: WasiBody,
}

impl Body for PartlyReadBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self.first.take() {
            None => Pin::new(&mut self.body).poll_frame(context),
            first => Poll::Ready(first),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body_util::{Full, StreamBody};

    use super::*;

    /// Returns a body of unknown length.
    fn streamed(parts: &[&'static str]) -> WasiBody {
        let frames: Vec<_> = parts
            .iter()
            .map(|part| Ok(Frame::data(Bytes::from(*part))))
            .collect();
        StreamBody::new(stream::iter(frames)).boxed_unsync()
    }

    fn request(method: Method, body: WasiBody) -> Request<WasiBody> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        request
    }

    #[test]
    fn only_an_unknown_body_of_an_unusual_method_matters() {
        assert!(is_unknown(&request(Method::DELETE, streamed(&[]))));
        assert!(!is_unknown(&request(Method::POST, streamed(&[]))));
        let known = Full::from("x").map_err(|never| match never {});
        assert!(!is_unknown(&request(Method::DELETE, known.boxed_unsync())));
    }

    #[tokio::test]
    async fn an_empty_body_is_removed_and_another_is_complete() {
        let decided_of =
            async |parts| with_known_body(request(Method::DELETE, streamed(parts))).await;
        assert!(decided_of(&[]).await.body().is_end_stream());
        let whole = decided_of(&["a", "b"]).await.into_body().collect().await;
        assert_eq!(whole.unwrap().to_bytes(), "ab");
    }
}
