//! One request and its response, over wasi:http 0.3. The body is written while an
//! early response is read. The response is read to its end, because in a composed
//! file the handler that writes it must come to its end.

use std::pin::pin;

use crate::failure;
use crate::wasi::clocks::monotonic_clock::wait_for;
use crate::wasi::http::handler;
use crate::wasi::http::types::{
    ErrorCode, Fields, Method, Request as Outgoing, RequestOptions, Response, Scheme, Trailers,
};
use crate::{wit_future, wit_stream};
use futures_util::future::{Either, join, select};
use mapping::{ExchangeError, Request, Settings, TransportFailure};
use wit_bindgen::rt::async_support::{
    FutureReader, FutureWriter, StreamReader, StreamResult, StreamWriter,
};

/// The most bytes of a response that the text of an error quotes.
const MAX_EXCERPT: usize = 1024;

/// How many bytes of a response are read at once to be discarded: in the first
/// read, and in further ones.
const DRAIN_CHUNKS: [usize; 2] = [1 << 10, 16 << 10];

/// The time limit for the text of an error, in nanoseconds. The status is enough
/// without it.
const EXCERPT_TIMEOUT_NS: u64 = 200_000_000;

/// The time limit for the rest of an error response, in nanoseconds.
const DRAIN_TIMEOUT_NS: u64 = 1_000_000_000;

/// The time limit for the body of a successful response without `to.timeout`, in
/// nanoseconds.
const DEFAULT_BODY_TIMEOUT_NS: u64 = 30_000_000_000;

/// Sends the request and returns the result of the exchange.
pub async fn run(settings: &Settings, request: Request) -> Result<(), ExchangeError> {
    let (outgoing, body, end) = outgoing_request(settings, &request)?;
    let mut upload = pin!(upload(request.body, body, end));
    let pending = pin!(handler::handle(outgoing));
    let (response, upload_end) = match select(pending, upload.as_mut()).await {
        Either::Left((response, _)) => (response, None),
        Either::Right((upload_end, pending)) => (pending.await, Some(upload_end)),
    };
    let response = response.map_err(|code| failure::to_exchange_error(settings, code))?;
    let status = response.get_status_code();
    if settings.judge(status, b"").is_err() {
        return settings.judge(status, &excerpt(response).await);
    }
    let rest = with_timeout(body_timeout(settings), ResponseBody::of(response).drain());
    match upload_end {
        Some(upload_end) => {
            upload_end.judge()?;
            rest.await;
            Ok(())
        }
        None => join(upload, rest).await.0.judge(),
    }
}

type TrailersWriter = FutureWriter<Result<Option<Trailers>, ErrorCode>>;

/// Returns the request, the stream for its body, and the future for its trailers.
fn outgoing_request(
    settings: &Settings,
    request: &Request,
) -> Result<(Outgoing, StreamWriter<u8>, TrailersWriter), ExchangeError> {
    let headers = Fields::from_list(&request.headers).map_err(|_| {
        ExchangeError::Other("the host refused the headers that the message makes".into())
    })?;
    let (body, contents) = wit_stream::new();
    // A body that is dropped unfinished must not look complete to its reader.
    let (end, trailers) = wit_future::new(|| Err(ErrorCode::ConnectionTerminated));
    let contents = settings.method.has_body().then_some(contents);
    let (outgoing, _) = Outgoing::new(headers, contents, trailers, options(settings));
    let endpoint = &settings.endpoint;
    let set = outgoing
        .set_method(&match settings.method {
            mapping::Method::Post => Method::Post,
            mapping::Method::Put => Method::Put,
            mapping::Method::Patch => Method::Patch,
            mapping::Method::Delete => Method::Delete,
            mapping::Method::Get => Method::Get,
            mapping::Method::Head => Method::Head,
        })
        .and_then(|()| {
            outgoing.set_scheme(Some(&match endpoint.scheme {
                mapping::Scheme::Http => Scheme::Http,
                mapping::Scheme::Https => Scheme::Https,
            }))
        })
        .and_then(|()| outgoing.set_authority(Some(&endpoint.authority)))
        .and_then(|()| outgoing.set_path_with_query(Some(&endpoint.path_with_query)));
    match set {
        Ok(()) => Ok((outgoing, body, end)),
        Err(()) => Err(settings.transport_error(TransportFailure::HttpRequestUriInvalid, None)),
    }
}

/// Returns the timeouts. Without `to.timeout` the host's own timeouts apply.
fn options(settings: &Settings) -> Option<RequestOptions> {
    let timeout = settings.timeout?;
    let options = RequestOptions::new();
    let nanos = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
    _ = options.set_connect_timeout(Some(nanos));
    _ = options.set_first_byte_timeout(Some(nanos));
    _ = options.set_between_bytes_timeout(Some(nanos));
    Some(options)
}

/// How much of the request body the endpoint read.
enum UploadEnd {
    Whole,
    Part,
    Nothing,
}

impl UploadEnd {
    /// Returns an error if the endpoint stopped in the middle of the body: its
    /// response does not confirm the message then. An endpoint that reads nothing
    /// of the body does not need it.
    fn judge(self) -> Result<(), ExchangeError> {
        match self {
            Self::Whole | Self::Nothing => Ok(()),
            Self::Part => Err(early_response()),
        }
    }
}

/// Writes the body and its trailers.
async fn upload(data: Vec<u8>, mut body: StreamWriter<u8>, end: TrailersWriter) -> UploadEnd {
    let whole = data.len();
    let rest = match data.is_empty() {
        true => data,
        false => body.write_all(data).await,
    };
    drop(body);
    if !rest.is_empty() {
        return match rest.len() == whole {
            true => UploadEnd::Nothing,
            false => UploadEnd::Part,
        };
    }
    // The body is complete; whether the endpoint reads the trailers does not
    // matter.
    let _ = end.write(Ok(None)).await;
    UploadEnd::Whole
}

/// Returns the first bytes of the response that arrive in time, and reads the
/// rest as well.
async fn excerpt(response: Response) -> Vec<u8> {
    let mut read = Vec::with_capacity(MAX_EXCERPT);
    let mut body = ResponseBody::of(response);
    with_timeout(EXCERPT_TIMEOUT_NS, async {
        while read.len() < MAX_EXCERPT {
            let room = Vec::with_capacity(MAX_EXCERPT - read.len());
            match body.read(room).await {
                Some(mut more) => read.append(&mut more),
                None => break,
            }
        }
    })
    .await;
    with_timeout(DRAIN_TIMEOUT_NS, body.drain()).await;
    read
}

/// Runs the future for at most `limit` nanoseconds.
async fn with_timeout(limit: u64, future: impl Future<Output = ()>) {
    select(pin!(future), pin!(wait_for(limit))).await;
}

/// Returns the time limit for the body of a successful response, in nanoseconds.
fn body_timeout(settings: &Settings) -> u64 {
    let timeout = settings.timeout.map(|it| u64::try_from(it.as_nanos()));
    timeout.map_or(DEFAULT_BODY_TIMEOUT_NS, |it| it.unwrap_or(u64::MAX))
}

/// The body and the trailers of a response.
struct ResponseBody {
    /// `None` after the end: the stream must not be read again then.
    body: Option<StreamReader<u8>>,
    end: FutureReader<Result<Option<Trailers>, ErrorCode>>,
}

impl ResponseBody {
    fn of(response: Response) -> Self {
        let (_, done) = wit_future::new(|| Ok(()));
        let (body, end) = Response::consume_body(response, done);
        Self {
            body: Some(body),
            end,
        }
    }

    /// Returns more of the body, or `None` at its end.
    async fn read(&mut self, room: Vec<u8>) -> Option<Vec<u8>> {
        match self.body.as_mut()?.read(room).await {
            (StreamResult::Complete(_), read) => Some(read),
            _ => {
                self.body = None;
                None
            }
        }
    }

    /// Reads the rest, including trailers, so that a handler that writes it can
    /// come to its end. Errors are ignored: the status decides.
    async fn drain(mut self) {
        let mut room = Vec::with_capacity(DRAIN_CHUNKS[0]);
        while let Some(mut read) = self.read(room).await {
            read.clear();
            read.reserve(DRAIN_CHUNKS[1]);
            room = read;
        }
        _ = self.end.await;
    }
}

fn early_response() -> ExchangeError {
    ExchangeError::Connection("the endpoint answered before it had read the whole message".into())
}
