//! Responses that have not ended when the component returns. Their bodies are read to the end, kept
//! if a message is made of them, and the HTTP handler that writes one is waited for.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use parking_lot::{Mutex, MutexGuard};
use tokio::task::coop::unconstrained;
use wasmtime_wasi_http::{Error, WasiBody};

use super::outcome::{CallResult, Failure, Reply};
use super::reply_settings::ReplyRequest;
use super::running_handler::RunningHandler;
use crate::message::{ID_KEY, Message};

/// A response that has not ended.
pub(crate) struct OpenResponse {
    flow: SharedBody,
    running: Option<RunningHandler>,
    reply: Option<ReplyHead>,
}

/// What a reply is made of, except for the body.
struct ReplyHead {
    wanted: ReplyRequest,
    status: u16,
    headers: HeaderMap,
}

/// A body that the component reads partly, and the host to its end. Clones share it.
#[derive(Clone)]
struct SharedBody(Arc<Mutex<BodyState>>);

struct BodyState {
    /// `None` once the body has ended.
    body: Option<WasiBody>,
    /// How many more bytes `Content-Length` promises.
    promised: Option<u64>,
    kept: Vec<u8>,
    /// How many bytes are kept at most.
    limit: usize,
    too_long: bool,
    broken: Option<String>,
}

impl OpenResponse {
    /// Returns the response for the component, and the part that the host keeps. `running` is the
    /// handler that writes the response. `to_head` is set for a response to a HEAD request: its
    /// `Content-Length` is that of a GET (RFC 9110, section 8.6).
    pub(crate) fn new(
        response: Response<WasiBody>,
        to_head: bool,
        running: Option<RunningHandler>,
        wanted: Option<ReplyRequest>,
    ) -> (Response<WasiBody>, Self) {
        let (head, body) = response.into_parts();
        let no_body = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED];
        let is_bodiless = to_head || no_body.contains(&head.status);
        let most = wanted.as_ref().map_or(0, |it| it.replies.max_size);
        let flow = SharedBody(Arc::new(Mutex::new(BodyState {
            body: Some(body),
            promised: length(&head.headers).filter(|_| !is_bodiless),
            kept: Vec::new(),
            limit: usize::try_from(most).unwrap_or(usize::MAX),
            too_long: false,
            broken: None,
        })));
        let reply = wanted.map(|wanted| ReplyHead {
            wanted,
            status: head.status.as_u16(),
            headers: head.headers.clone(),
        });
        let body = flow.clone().boxed_unsync();
        let open = Self {
            flow,
            running,
            reply,
        };
        (Response::from_parts(head, body), open)
    }

    /// Reads what has arrived of a response that the component has dropped. Does not wait for more.
    pub(crate) fn advance(&self) {
        let is_read_by_others = Arc::strong_count(&self.flow.0) > 1;
        if is_read_by_others || self.running.is_some() {
            return;
        }
        let read = pin!(unconstrained(self.flow.read(self.reply.is_some())));
        let _ = read.poll(&mut Context::from_waker(Waker::noop()));
    }

    /// Waits for the end of the response. Returns the reply, if one is made of it.
    pub(crate) async fn finish(mut self) -> Result<Option<Reply>, CallResult> {
        let ended = self.run_out().await;
        ended.map_err(|failure| Failure::InHandler(Box::new(failure)))?;
        let mut flow = self.flow.lock();
        if let Some(why) = &flow.broken {
            let text = format!("the response broke off: {why}");
            return Err(CallResult::Connection(text));
        }
        let Some(head) = self.reply else {
            return Ok(None);
        };
        if flow.too_long {
            return Err(head.too_long());
        }
        Ok(Some(head.reply(std::mem::take(&mut flow.kept))))
    }

    /// Reads the body to its end while the handler writes it.
    async fn run_out(&mut self) -> Result<(), Failure> {
        // The body of a handler is read to its end, so that the handler is not blocked.
        let cut = self.reply.is_some() && self.running.is_none();
        let mut read = pin!(self.flow.read(cut));
        let Some(running) = &mut self.running else {
            read.await;
            return Ok(());
        };
        tokio::select! {
            biased;
            () = &mut read => return running.ended().await,
            ended = running.ended() => ended?,
        }
        // The handler has returned: no more bytes will arrive.
        let rest = poll_fn(|cx| Poll::Ready(read.as_mut().poll(cx).is_ready()));
        match tokio::task::unconstrained(rest).await {
            true => Ok(()),
            false => Err(Failure::Unfinished),
        }
    }
}

impl ReplyHead {
    fn reply(self, body: Vec<u8>) -> Reply {
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_bytes()));
        let made = mapping::reply(self.status, headers, body);
        let mut message = Message::new(self.wanted.replies.topic, made.data);
        message.content_type = made.content_type;
        message.metadata = made.metadata;
        message.metadata.retain(|(key, _)| key != ID_KEY);
        Reply {
            message: message.one_hop_after(self.wanted.hops),
            id: (self.wanted.id).reply(&self.wanted.replies.by, self.wanted.before),
        }
    }

    fn too_long(self) -> CallResult {
        CallResult::Other(format!(
            "the response has more than {} bytes, the limit for a reply: raise `reply_to.max_size`",
            self.wanted.replies.max_size
        ))
    }
}

impl SharedBody {
    /// Reads to the end. With `cut`, stops once the limit is exceeded.
    async fn read(&self, cut: bool) {
        poll_fn(|cx| {
            let mut flow = self.lock();
            while let Some(_frame) = ready!(flow.poll(cx)) {
                if cut && flow.too_long {
                    flow.body = None;
                }
            }
            Poll::Ready(())
        })
        .await;
    }

    fn lock(&self) -> MutexGuard<'_, BodyState> {
        self.0.lock()
    }
}

impl BodyState {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => self.keep(frame.data_ref()),
            Some(Err(error)) => {
                self.broken = Some(error.to_string());
                self.body = None;
            }
            None => self.body = None,
        }
        if frame.is_none()
            && let Some(missing) = self.promised.filter(|missing| *missing > 0)
        {
            let why =
                format!("{missing} bytes are missing of those that its `content-length` promised");
            self.broken = Some(why.clone());
            return Poll::Ready(Some(Err(Error::InternalError(Some(why)))));
        }
        Poll::Ready(frame)
    }

    fn keep(&mut self, data: Option<&Bytes>) {
        let length = data.map_or(0, |data| data.len() as u64);
        self.promised = self.promised.map(|left| left.saturating_sub(length));
        let Some(data) = data.filter(|_| self.limit > 0) else {
            return;
        };
        match self.kept.len().saturating_add(data.len()) > self.limit {
            true => self.too_long = true,
            false => self.kept.extend_from_slice(data),
        }
    }
}

/// Returns the value of `Content-Length`.
fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl Body for SharedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.lock().poll(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.lock().body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let flow = self.lock();
        let body = flow.body.as_ref();
        body.map_or(SizeHint::with_exact(0), Body::size_hint)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Empty;

    use super::*;

    #[tokio::test]
    async fn content_length_counts_unless_the_response_has_no_body() {
        for (status, to_head, is_whole) in
            [(200, false, false), (200, true, true), (304, false, true)]
        {
            let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
            let mut response = Response::new(body);
            *response.status_mut() = status.try_into().unwrap();
            response.headers_mut().insert(CONTENT_LENGTH, 5.into());
            let (_, open) = OpenResponse::new(response, to_head, None, None);
            assert_eq!(open.finish().await.is_ok(), is_whole, "{status} {to_head}");
        }
    }
}
