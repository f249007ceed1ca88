//! The responses of an endpoint: a status, headers, and a body, whole or in
//! parts.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use tokio::sync::mpsc;

/// The body of a response.
pub type Body = UnsyncBoxBody<Bytes, io::Error>;

/// A response, and the delay before it.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    pub(super) after: Duration,
    body: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Whole(Bytes),
    Parts(Parts),
}

/// A body in parts, without a length unless a header has one.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    pub parts: Vec<Bytes>,
    /// The delay before each part.
    pub pause: Duration,
    pub end: End,
}

/// How a body ends.
#[derive(Clone, Debug, Default)]
pub enum End {
    #[default]
    Complete,
    /// The connection breaks.
    Broken,
    Trailers(HeaderMap),
}

impl Reply {
    /// Returns a response with this status and an empty body, without a delay.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            after: Duration::ZERO,
            body: Content::Whole(Bytes::new()),
        }
    }

    /// Adds a header.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Sets the delay.
    pub fn after(mut self, after: Duration) -> Self {
        self.after = after;
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Content::Whole(body.into());
        self
    }

    /// Sets a body in parts.
    pub fn parts(mut self, parts: Parts) -> Self {
        self.body = Content::Parts(parts);
        self
    }

    pub(super) fn into_response(self) -> Response<Body> {
        let mut response = Response::builder().status(self.status);
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        let body = match self.body {
            Content::Whole(bytes) => Full::new(bytes)
                .map_err(|never| match never {})
                .boxed_unsync(),
            Content::Parts(parts) => parts.stream(),
        };
        response.body(body).expect("a response")
    }
}

impl Parts {
    fn stream(self) -> Body {
        let (sender, mut receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            for part in self.parts {
                tokio::time::sleep(self.pause).await;
                if sender.send(Ok(Frame::data(part))).await.is_err() {
                    return;
                }
            }
            let end = match self.end {
                End::Complete => return,
                End::Broken => Err(io::Error::other("broken on purpose")),
                End::Trailers(trailers) => Ok(Frame::trailers(trailers)),
            };
            let _ = sender.send(end).await;
        });
        let frames = futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx));
        StreamBody::new(frames).boxed_unsync()
    }
}
