//! One request and its response, over wasi:http 0.3. The body is written while
//! the request is under way, beside a response that comes early, and the response
//! is read to its end: in one file a handler writes it, who must come to an end.

use std::pin::pin;

use crate::failure;
use crate::wasi::clocks::monotonic_clock::wait_for;
use crate::wasi::http::handler;
use crate::wasi::http::types::{
    ErrorCode, Fields, Method, Request as Outgoing, RequestOptions, Response, Scheme, Trailers,
};
use crate::{wit_future, wit_stream};
use futures_util::future::{Either, join, select};
use mapping::{Failed, Request, Settings, Transport};
use wit_bindgen::rt::async_support::{
    FutureReader, FutureWriter, StreamReader, StreamResult, StreamWriter,
};

/// The most that is read of a response, for the text of an error.
const EXCERPT: usize = 1024;

/// How much of a response is read at once, to be thrown away: the first time,
/// and as soon as there was more.
const CHUNKS: [usize; 2] = [1 << 10, 16 << 10];

/// How long the text of an error may take, in nanoseconds: a status is enough
/// to go by.
const PATIENCE: u64 = 200_000_000;

/// How long the rest of a refusal may take, in nanoseconds.
const REST: u64 = 1_000_000_000;

/// How long the body of a success may take where there is no timeout, in
/// nanoseconds.
const WHOLE: u64 = 30_000_000_000;

/// Sends the request and judges what came back.
pub async fn run(settings: &Settings, request: Request) -> Result<(), Failed> {
    let (outgoing, body, end) = head(settings, &request)?;
    let mut upload = pin!(upload(request.body, body, end));
    let asked = pin!(handler::handle(outgoing));
    let (answer, taken) = match select(asked, upload.as_mut()).await {
        Either::Left((answer, _)) => (answer, None),
        Either::Right((taken, asked)) => (asked.await, Some(taken)),
    };
    let answer = answer.map_err(|code| failure::name(settings, code))?;
    let status = answer.get_status_code();
    if settings.judge(status, b"").is_err() {
        return settings.judge(status, &excerpt(answer).await);
    }
    let rest = within(time_of(settings), Answered::of(answer).run_out());
    match taken {
        Some(taken) => {
            taken.judge()?;
            rest.await;
            Ok(())
        }
        None => join(upload, rest).await.0.judge(),
    }
}

type End = FutureWriter<Result<Option<Trailers>, ErrorCode>>;

fn head(
    settings: &Settings,
    request: &Request,
) -> Result<(Outgoing, StreamWriter<u8>, End), Failed> {
    let headers = Fields::from_list(&request.headers)
        .map_err(|_| Failed::Other("the host refused the headers that the message makes".into()))?;
    let (body, contents) = wit_stream::new();
    // What is not finished was given up: whoever reads it must not take it for whole.
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
        Err(()) => Err(settings.failed(Transport::HttpRequestUriInvalid, None)),
    }
}

/// A host without one of these timeouts has its own.
fn options(settings: &Settings) -> Option<RequestOptions> {
    let timeout = settings.timeout?;
    let options = RequestOptions::new();
    let nanos = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
    _ = options.set_connect_timeout(Some(nanos));
    _ = options.set_first_byte_timeout(Some(nanos));
    _ = options.set_between_bytes_timeout(Some(nanos));
    Some(options)
}

/// How much of a body was taken.
enum Taken {
    Whole,
    Part,
    Nothing,
}

impl Taken {
    /// Whoever reads nothing of a body has no use for it; whoever breaks off
    /// did not get what it confirms.
    fn judge(self) -> Result<(), Failed> {
        match self {
            Self::Whole | Self::Nothing => Ok(()),
            Self::Part => Err(early()),
        }
    }
}

async fn upload(data: Vec<u8>, mut body: StreamWriter<u8>, end: End) -> Taken {
    let whole = data.len();
    let rest = match data.is_empty() {
        true => data,
        false => body.write_all(data).await,
    };
    drop(body);
    if !rest.is_empty() {
        return match rest.len() == whole {
            true => Taken::Nothing,
            false => Taken::Part,
        };
    }
    // All is written: whether anybody waits for the trailers is no matter.
    let _ = end.write(Ok(None)).await;
    Taken::Whole
}

/// What the response says, as far as it does so at once. The rest is read, too.
async fn excerpt(answer: Response) -> Vec<u8> {
    let mut read = Vec::with_capacity(EXCERPT);
    let mut answered = Answered::of(answer);
    within(PATIENCE, async {
        while read.len() < EXCERPT {
            let room = Vec::with_capacity(EXCERPT - read.len());
            match answered.read(room).await {
                Some(mut more) => read.append(&mut more),
                None => break,
            }
        }
    })
    .await;
    within(REST, answered.run_out()).await;
    read
}

/// Does it for no longer than this, in nanoseconds.
async fn within(limit: u64, doing: impl Future<Output = ()>) {
    select(pin!(doing), pin!(wait_for(limit))).await;
}

/// How long the body of a success may take.
fn time_of(settings: &Settings) -> u64 {
    let timeout = settings.timeout.map(|it| u64::try_from(it.as_nanos()));
    timeout.map_or(WHOLE, |it| it.unwrap_or(u64::MAX))
}

/// What comes behind the head of a response.
struct Answered {
    /// `None` once it ended: it is not to be read again then.
    body: Option<StreamReader<u8>>,
    end: FutureReader<Result<Option<Trailers>, ErrorCode>>,
}

impl Answered {
    fn of(answer: Response) -> Self {
        let (_, done) = wit_future::new(|| Ok(()));
        let (body, end) = Response::consume_body(answer, done);
        Self {
            body: Some(body),
            end,
        }
    }

    /// More of the body, while there is more.
    async fn read(&mut self, room: Vec<u8>) -> Option<Vec<u8>> {
        match self.body.as_mut()?.read(room).await {
            (StreamResult::Complete(_), read) => Some(read),
            _ => {
                self.body = None;
                None
            }
        }
    }

    /// Reads it to its end, trailers included, so that a handler that writes it
    /// can go on. How it ends is no matter: the status is what counts.
    async fn run_out(mut self) {
        let mut room = Vec::with_capacity(CHUNKS[0]);
        while let Some(mut read) = self.read(room).await {
            read.clear();
            read.reserve(CHUNKS[1]);
            room = read;
        }
        _ = self.end.await;
    }
}

fn early() -> Failed {
    Failed::Connection("the endpoint answered before it had all of the message".into())
}
