//! The body of a request to a handler that may have no use for it: left
//! unread, it is taken all the same, so that whoever writes it comes to an end.
//! One that is read in part was broken off, and whoever writes it learns of it.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::runtime::Handle;
use wasmtime_wasi_http::{Error, WasiBody};

/// A body, and whether it was asked for.
pub(super) struct Unread {
    body: WasiBody,
    asked: bool,
}

impl Unread {
    /// The same body; one that is there whole is waited for by nobody.
    pub(super) fn of(body: WasiBody) -> WasiBody {
        match body.size_hint().exact() {
            Some(_) => body,
            None => Self { body, asked: false }.boxed_unsync(),
        }
    }
}

impl Body for Unread {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.asked = true;
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        if self.asked {
            return;
        }
        let mut body = std::mem::take(&mut self.body);
        // Without a runtime all is at its end.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { while let Some(Ok(_)) = body.frame().await {} });
        }
    }
}
