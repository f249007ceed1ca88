//! The body of a request to a handler that may not read it. An unread body is discarded, so that
//! its writer ends. A partly read body is dropped, and its writer gets an error.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::runtime::Handle;
use wasmtime_wasi_http::{Error, WasiBody};

/// A body, and whether the handler has begun to read it.
pub(super) struct UnreadBody {
    body: WasiBody,
    is_read: bool,
}

impl UnreadBody {
    /// Wraps a body, unless it is complete: a complete body has no writer that waits.
    pub(super) fn of(body: WasiBody) -> WasiBody {
        match body.size_hint().exact() {
            Some(_) => body,
            None => Self {
                body,
                is_read: false,
            }
            .boxed_unsync(),
        }
    }
}

impl Body for UnreadBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.is_read = true;
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for UnreadBody {
    fn drop(&mut self) {
        if self.is_read {
            return;
        }
        let mut body = std::mem::take(&mut self.body);
        // Without a runtime, the process is ending.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { while let Some(Ok(_)) = body.frame().await {} });
        }
    }
}
