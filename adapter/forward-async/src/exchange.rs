//! One request and its response, over wasi:http 0.3. The body is written while
//! the request is under way, beside a response that comes early.

use std::pin::{Pin, pin};

use crate::failure;
use crate::wasi::clocks::monotonic_clock::wait_for;
use crate::wasi::http::handler;
use crate::wasi::http::types::{
    ErrorCode, Fields, Method, Request as Outgoing, RequestOptions, Response, Scheme, Trailers,
};
use crate::{wit_future, wit_stream};
use futures_util::future::{Either, select};
use mapping::{Failed, Request, Settings, Transport};
use wit_bindgen::rt::async_support::{FutureWriter, StreamReader, StreamResult, StreamWriter};

/// The most that is read of a response, for the text of an error.
const EXCERPT: usize = 1024;

/// How much of a response is read at once, to be thrown away.
const CHUNK: usize = 64 << 10;

/// How long that may take, in nanoseconds: a status is enough to go by.
const PATIENCE: u64 = 200_000_000;

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
    match (settings.judge(status, b""), taken) {
        (Ok(()), Some(taken)) => taken.judge(),
        (Ok(()), None) => upload_beside(upload, answer).await,
        (Err(_), _) => settings.judge(status, &excerpt(answer).await),
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
    let (outgoing, _) = Outgoing::new(headers, Some(contents), trailers, options(settings));
    let endpoint = &settings.endpoint;
    let set = outgoing
        .set_method(&match settings.method {
            mapping::Method::Post => Method::Post,
            mapping::Method::Put => Method::Put,
            mapping::Method::Patch => Method::Patch,
            mapping::Method::Delete => Method::Delete,
            mapping::Method::Get => Method::Get,
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

/// Writes what is left to an endpoint that answers as it reads. Of its
/// response nothing is wanted, but that it can be written.
async fn upload_beside(
    upload: Pin<&mut impl Future<Output = Taken>>,
    answer: Response,
) -> Result<(), Failed> {
    let mut answered = consume(answer);
    let drain = pin!(async {
        while let (StreamResult::Complete(_), _) = answered.read(Vec::with_capacity(CHUNK)).await {}
    });
    let taken = match select(upload, drain).await {
        Either::Left((taken, _)) => taken,
        Either::Right(((), upload)) => upload.await,
    };
    taken.judge()
}

/// What the response says, as far as it does so at once.
async fn excerpt(answer: Response) -> Vec<u8> {
    let mut read = Vec::with_capacity(EXCERPT);
    let mut stream = consume(answer);
    let mut late = pin!(wait_for(PATIENCE));
    while read.len() < EXCERPT {
        let more = pin!(stream.read(Vec::with_capacity(EXCERPT - read.len())));
        match select(more, late.as_mut()).await {
            Either::Left(((StreamResult::Complete(_), mut more), _)) => read.append(&mut more),
            _ => break,
        }
    }
    read
}

fn consume(answer: Response) -> StreamReader<u8> {
    let (_, done) = wit_future::new(|| Ok(()));
    let (stream, _) = Response::consume_body(answer, done);
    stream
}

fn early() -> Failed {
    Failed::Connection("the endpoint answered before it had all of the message".into())
}
