//! The body of a response of wasi:http 0.3, between the store that writes it and its reader. The
//! store has to run until the body has ended, even after the handler has returned: streams are
//! copied in the store.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::timeout;
use wasmtime_wasi_http::{Error, WasiBody};

use crate::guest::call::outcome::Failure;
use crate::guest::call::running_handler::GRACE;

/// How many frames are read ahead of the reader, to find out whether the body ends with them.
const AHEAD: usize = 4;

/// The store's end of a body.
pub(super) struct BodySource(Arc<SharedBody>);

/// The reader's end of a body.
struct Reader(Arc<SharedBody>);

struct SharedBody {
    flow: Mutex<BodyState>,
    ended: Notify,
}

struct BodyState {
    /// `None` once the last frame was read.
    body: Option<WasiBody>,
    /// The frames that were read ahead of the reader.
    ahead: VecDeque<Result<Frame<Bytes>, Error>>,
    /// The waker of the reader, while it waits.
    waiting: Option<Waker>,
    /// How many frames were read so far.
    frames: u64,
}

impl BodySource {
    /// Splits a body into its two ends.
    pub(super) fn of(body: WasiBody) -> (Self, WasiBody) {
        let shared = Arc::new(SharedBody {
            flow: Mutex::new(BodyState {
                body: Some(body),
                ahead: VecDeque::new(),
                waiting: None,
                frames: 0,
            }),
            ended: Notify::new(),
        });
        (Self(shared.clone()), Reader(shared).boxed_unsync())
    }

    /// Waits for the end of the body after its handler has returned. Fails if the host does not
    /// feed the body, and no frame arrives for a while: the handler left the body unfinished.
    pub(super) async fn finish(&self, is_fed: impl Fn() -> bool) -> Result<(), Failure> {
        let mut known = self.0.lock().look_ahead();
        while let Some(frames) = known {
            // If feeding has just ended, the reader may not have seen the end yet.
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

impl SharedBody {
    fn lock(&self) -> MutexGuard<'_, BodyState> {
        self.flow.lock()
    }
}

impl BodyState {
    /// Reads the frames that have arrived. Returns how many were read so far, or `None` if the body
    /// has ended.
    fn look_ahead(&mut self) -> Option<u64> {
        // The body keeps one waker, which has to stay the reader's.
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

/// Drops the body, so that its writer ends.
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

    /// Returns a body, and the sender of its frames.
    fn body() -> (Frames, WasiBody) {
        let (sender, mut receiver) = mpsc::channel(8);
        let frames = futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx));
        (sender, StreamBody::new(frames).boxed_unsync())
    }

    fn data(text: &'static str) -> Result<Frame<Bytes>, Error> {
        Ok(Frame::data(Bytes::from_static(text.as_bytes())))
    }

    #[tokio::test]
    async fn a_complete_body_is_finished_before_it_is_read() {
        let (sender, body) = body();
        let (outlet, reader) = BodySource::of(body);
        sender.try_send(data("a")).unwrap();
        sender.try_send(data("b")).unwrap();
        drop(sender);
        assert_eq!(outlet.finish(|| false).await, Ok(()));
        let read = reader.collect().await.unwrap();
        assert_eq!(read.to_bytes(), "ab");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_without_a_writer_is_unfinished_and_a_fed_body_is_awaited() {
        let (_sender, unfed) = body();
        let (outlet, reader) = BodySource::of(unfed);
        let (end, _) = tokio::join!(
            outlet.finish(|| false),
            timeout(GRACE * 3, reader.collect())
        );
        assert_eq!(end, Err(Failure::Unfinished));

        let (sender, slow) = body();
        let (outlet, reader) = BodySource::of(slow);
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
    async fn a_slow_or_dropped_reader_is_not_a_failure_of_the_writer() {
        let (sender, body) = body();
        let (outlet, reader) = BodySource::of(body);
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
