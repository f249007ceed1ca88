//! Bodies that the host writes into a store. While one of them is open, a response that a component
//! made from it may still grow, even after the component has returned.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use wasmtime_wasi_http::{Error, WasiBody};

/// Counts the open bodies of one store.
#[derive(Default)]
pub(crate) struct HostBodies(OpenBody);

/// Counts a body as open until it is dropped.
#[derive(Clone, Default)]
pub(crate) struct OpenBody(Arc<()>);

/// A body that counts as open until its end.
struct HostBody {
    body: WasiBody,
    open: Option<OpenBody>,
}

impl HostBodies {
    /// Returns a guard that counts one body as open.
    pub(crate) fn open(&self) -> OpenBody {
        self.0.clone()
    }

    /// Returns whether the host may still write to the store.
    pub(crate) fn are_open(&self) -> bool {
        Arc::strong_count(&self.0.0) > 1
    }
}

impl OpenBody {
    /// Counts this body as open until its end.
    pub(crate) fn of(self, body: WasiBody) -> WasiBody {
        let open = Some(self);
        HostBody { body, open }.boxed_unsync()
    }
}

impl Body for HostBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(None | Some(Err(_))) = polled {
            self.open = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    #[tokio::test]
    async fn a_body_is_open_until_its_end_or_its_drop() {
        let bodies = HostBodies::default();
        let body = || {
            let body = Full::new(Bytes::from_static(b"a"));
            let body = body.map_err(|never| match never {}).boxed_unsync();
            bodies.open().of(body)
        };
        assert!(!bodies.are_open());
        let (mut read, dropped) = (body(), body());
        while read.frame().await.is_some() {
            assert!(bodies.are_open());
        }
        assert!(bodies.are_open());
        drop(dropped);
        assert!(!bodies.are_open());
    }
}
