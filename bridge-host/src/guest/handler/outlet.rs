//! The body of a response of wasi:http 0.3, between the store that writes it
//! and its reader. The store has to run until the body ended, also after the
//! handler has returned: what copies a stream runs there.

use parking_lot::{Mutex, MutexGuard};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::sync::Notify;
use tokio::time::timeout;
use wasmtime_wasi_http::{Error, WasiBody};

use crate::guest::call::outcome::Failure;
use crate::guest::call::running::GRACE;

/// How many frames are taken ahead of the reader, to see whether the body ends
/// with them.
const AHEAD: usize = 4;

/// The store's side of a body.
pub(super) struct Outlet(Arc<Shared>);

/// The reader's side.
struct Reader(Arc<Shared>);

struct Shared {
    flow: Mutex<Flow>,
    ended: Notify,
}

struct Flow {
    /// `None` once the last frame was taken.
    body: Option<WasiBody>,
    /// Taken ahead of the reader.
    ahead: VecDeque<Result<Frame<Bytes>, Error>>,
    /// The reader, while it waits.
    waiting: Option<Waker>,
    /// How many frames there were.
    frames: u64,
}

impl Outlet {
    /// Both sides of a body.
    pub(super) fn of(body: WasiBody) -> (Self, WasiBody) {
        let shared = Arc::new(Shared {
            flow: Mutex::new(Flow {
                body: Some(body),
                ahead: VecDeque::new(),
                waiting: None,
                frames: 0,
            }),
            ended: Notify::new(),
        });
        (Self(shared.clone()), Reader(shared).boxed_unsync())
    }

    /// Waits for the end of the body, once its handler has returned. A body
    /// that the host does not feed, and that brings its reader nothing for a
    /// while, was left unfinished.
    pub(super) async fn finish(&self, is_fed: impl Fn() -> bool) -> Result<(), Failure> {
        let mut known = self.0.lock().look_ahead();
        while let Some(frames) = known {
            // Of one that just ended, the reader may not know yet.
            let was_fed = is_fed();
            let ended = timeout(GRACE, self.0.ended.notified()).await.is_ok();
            let flow = self.0.lock();
            let is_stuck = flow.waiting.is_some() && flow.frames == frames;
            known = flow.body.as_ref().map(|_| flow.frames);
            drop(flow);
            if !ended && known.is_some() && is_stuck && !was_fed {
                return Err(Failure::Unfinished);
            }
        }
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Flow> {
        self.flow.lock()
    }
}

impl Flow {
    /// Takes frames that are there. Returns how many there were so far; `None`
    /// where the body ended with them.
    fn look_ahead(&mut self) -> Option<u64> {
        // The body keeps one waker: that must stay the reader's.
        let waker = self.waiting.clone();
        let waker = waker.as_ref().unwrap_or(Waker::noop());
        let mut context = Context::from_waker(waker);
        let mut taken = false;
        while self.ahead.len() < AHEAD
            && let Poll::Ready(frame) = self.poll_body(&mut context)
        {
            taken = true;
            match frame {
                Some(frame) => self.ahead.push_back(frame),
                None => break,
            }
        }
        if taken && let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
        self.body.as_ref().map(|_| self.frames)
    }

    fn poll_body(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(body).poll_frame(context));
        self.frames += 1;
        if !matches!(frame, Some(Ok(_))) {
            self.body = None;
        }
        Poll::Ready(frame)
    }
}

impl Body for Reader {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let mut flow = self.0.lock();
        flow.waiting = None;
        if let Some(frame) = flow.ahead.pop_front() {
            return Poll::Ready(Some(frame));
        }
        let polled = flow.poll_body(context);
        match &polled {
            Poll::Pending => flow.waiting = Some(context.waker().clone()),
            Poll::Ready(_) if flow.body.is_none() => self.0.ended.notify_one(),
            Poll::Ready(_) => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        let flow = self.0.lock();
        flow.ahead.is_empty() && flow.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let flow = self.0.lock();
        match &flow.body {
            Some(body) if flow.ahead.is_empty() => body.size_hint(),
            _ => SizeHint::default(),
        }
    }
}

/// What nobody reads needs no writer.
impl Drop for Reader {
    fn drop(&mut self) {
        let body = self.0.lock().body.take();
        drop(body);
        self.0.ended.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    use http_body_util::StreamBody;
    use tokio::sync::mpsc;

    use super::*;

    type Frames = mpsc::Sender<Result<Frame<Bytes>, Error>>;

    /// A body, and the way to its frames.
    fn body() -> (Frames, WasiBody) {
        let (sender, mut receiver) = mpsc::channel(8);
        let frames = futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx));
        (sender, StreamBody::new(frames).boxed_unsync())
    }

    fn data(text: &'static str) -> Result<Frame<Bytes>, Error> {
        Ok(Frame::data(Bytes::from_static(text.as_bytes())))
    }

    #[tokio::test]
    async fn a_body_that_is_there_is_finished_before_it_is_read() {
        let (sender, body) = body();
        let (outlet, reader) = Outlet::of(body);
        sender.try_send(data("a")).unwrap();
        sender.try_send(data("b")).unwrap();
        drop(sender);
        assert_eq!(outlet.finish(|| false).await, Ok(()));
        let read = reader.collect().await.unwrap();
        assert_eq!(read.to_bytes(), "ab");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_nobody_writes_is_unfinished_and_one_that_is_fed_is_awaited() {
        let (_sender, unfed) = body();
        let (outlet, reader) = Outlet::of(unfed);
        let (end, _) = tokio::join!(
            outlet.finish(|| false),
            timeout(GRACE * 3, reader.collect())
        );
        assert_eq!(end, Err(Failure::Unfinished));

        let (sender, slow) = body();
        let (outlet, reader) = Outlet::of(slow);
        let fed = AtomicBool::new(true);
        let feed = async {
            for text in ["a", "b", "c", "d", "e", "f"] {
                tokio::time::sleep(GRACE * 5).await;
                sender.send(data(text)).await.unwrap();
            }
            fed.store(false, Relaxed);
            drop(sender);
        };
        let is_fed = || fed.load(Relaxed);
        let (end, read, ()) = tokio::join!(outlet.finish(is_fed), reader.collect(), feed);
        assert_eq!(end, Ok(()));
        assert_eq!(read.unwrap().to_bytes(), "abcdef");
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_its_time_or_leaves_is_no_fault_of_the_writer() {
        let (sender, body) = body();
        let (outlet, reader) = Outlet::of(body);
        for _ in 0..8 {
            sender.try_send(data("a")).unwrap();
        }
        let leave = async {
            tokio::time::sleep(GRACE * 10).await;
            drop(reader);
        };
        let (end, ()) = tokio::join!(outlet.finish(|| false), leave);
        assert_eq!(end, Ok(()));
    }
}
