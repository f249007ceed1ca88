//! One request and its response, over wasi:http. The body goes out as fast as
//! the host takes it, beside a response that comes early.

use crate::failure;
use crate::wasi::clocks::monotonic_clock::subscribe_duration;
use crate::wasi::http::outgoing_handler;
use crate::wasi::http::types::{
    Fields, FutureIncomingResponse, IncomingResponse, Method, OutgoingBody, OutgoingRequest,
    RequestOptions, Scheme,
};
use crate::wasi::io::poll::poll;
use crate::wasi::io::streams::OutputStream;
use mapping::{Failed, Request, Settings, Transport};

/// The most that is written at once.
const CHUNK: usize = 1 << 20;

/// The most that is read of a response, for the text of an error.
const EXCERPT: usize = 1024;

/// How long that may take, in nanoseconds: a status is enough to go by.
const PATIENCE: u64 = 200_000_000;

/// Sends the request and judges what came back.
pub fn run(settings: &Settings, request: Request) -> Result<(), Failed> {
    let outgoing = head(settings, &request)?;
    if !settings.method.has_body() {
        let response = outgoing_handler::handle(outgoing, options(settings))
            .map_err(|code| failure::name(settings, code))?;
        return judge(settings, &await_head(settings, &response)?, None);
    }
    let body = outgoing
        .body()
        .map_err(|()| broken("no body to write to"))?;
    let stream = body.write().map_err(|()| broken("no stream to write to"))?;
    let mut upload = Upload {
        rest: &request.body,
        stream,
        body,
    };
    // A body that the host takes at once is complete before it starts.
    upload
        .write()
        .map_err(|Closed| broken("the body's stream closed"))?;
    let (upload, options) = (upload.end_if_done(settings)?, options(settings));
    let response = outgoing_handler::handle(outgoing, options)
        .map_err(|code| failure::name(settings, code))?;
    let upload = match upload {
        Some(upload) => upload.run(settings, &response)?,
        None => None,
    };
    let answer = await_head(settings, &response)?;
    judge(settings, &answer, upload)
}

fn head(settings: &Settings, request: &Request) -> Result<OutgoingRequest, Failed> {
    let headers = Fields::from_list(&request.headers)
        .map_err(|_| Failed::Other("the host refused the headers that the message makes".into()))?;
    let outgoing = OutgoingRequest::new(headers);
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
        Ok(()) => Ok(outgoing),
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

/// The rest of a body on its way out. Fields are in the order in which the
/// host wants them dropped.
struct Upload<'a> {
    rest: &'a [u8],
    stream: OutputStream,
    body: OutgoingBody,
}

/// Nobody takes more of the body.
struct Closed;

impl<'a> Upload<'a> {
    /// Writes what the host takes without waiting.
    fn write(&mut self) -> Result<(), Closed> {
        while !self.rest.is_empty() {
            let room = self.stream.check_write().map_err(|_| Closed)?;
            let room = usize::try_from(room).unwrap_or(CHUNK).min(CHUNK);
            if room == 0 {
                break;
            }
            let (now, later) = self.rest.split_at(room.min(self.rest.len()));
            self.stream.write(now).map_err(|_| Closed)?;
            self.rest = later;
        }
        Ok(())
    }

    /// Ends a body of which all is written, and gives any other back.
    fn end_if_done(self, settings: &Settings) -> Result<Option<Self>, Failed> {
        if !self.rest.is_empty() {
            return Ok(Some(self));
        }
        drop(self.stream);
        OutgoingBody::finish(self.body, None).map_err(|code| failure::name(settings, code))?;
        Ok(None)
    }

    /// Writes all of it, or what can be written before the response comes.
    fn run(
        mut self,
        settings: &Settings,
        response: &FutureIncomingResponse,
    ) -> Result<Option<Self>, Failed> {
        let (ready, answered) = (self.stream.subscribe(), response.subscribe());
        while !self.rest.is_empty() {
            if poll(&[&ready, &answered]).contains(&1) || self.write().is_err() {
                drop(ready);
                return Ok(Some(self));
            }
        }
        drop(ready);
        self.end_if_done(settings)
    }

    /// Writes what is left to an endpoint that answers as it reads. Of its
    /// response nothing is wanted, but that it can be written.
    fn run_beside(mut self, settings: &Settings, answer: &IncomingResponse) -> Result<(), Failed> {
        let early = || broken("the endpoint answered before it had all of the message");
        let body = answer.consume().map_err(|()| early())?;
        let answered = body.stream().map_err(|()| early())?;
        let (room, more) = (self.stream.subscribe(), answered.subscribe());
        let mut open = true;
        while !self.rest.is_empty() {
            let ready = match open {
                true => poll(&[&room, &more]),
                false => poll(&[&room]),
            };
            open = open && (!ready.contains(&1) || answered.read(CHUNK as u64).is_ok());
            self.write().map_err(|Closed| early())?;
        }
        drop(room);
        self.end_if_done(settings).map(drop)
    }
}

fn await_head(
    settings: &Settings,
    response: &FutureIncomingResponse,
) -> Result<IncomingResponse, Failed> {
    response.subscribe().block();
    match response.get() {
        Some(Ok(Ok(answer))) => Ok(answer),
        Some(Ok(Err(code))) => Err(failure::name(settings, code)),
        _ => Err(broken("the host lost the response")),
    }
}

fn judge(
    settings: &Settings,
    answer: &IncomingResponse,
    upload: Option<Upload<'_>>,
) -> Result<(), Failed> {
    let status = answer.status();
    match (settings.judge(status, b""), upload) {
        (Ok(()), None) => Ok(()),
        (Ok(()), Some(upload)) => upload.run_beside(settings, answer),
        (Err(_), _) => settings.judge(status, &excerpt(answer)),
    }
}

/// What the response says, as far as it does so at once.
fn excerpt(answer: &IncomingResponse) -> Vec<u8> {
    let mut read = Vec::new();
    let Ok(body) = answer.consume() else {
        return read;
    };
    let Ok(stream) = body.stream() else {
        return read;
    };
    let (ready, late) = (stream.subscribe(), subscribe_duration(PATIENCE));
    while read.len() < EXCERPT && poll(&[&ready, &late]).contains(&0) {
        match stream.read((EXCERPT - read.len()) as u64) {
            Ok(mut more) => read.append(&mut more),
            Err(_) => break,
        }
    }
    read
}

fn broken(what: &str) -> Failed {
    Failed::Connection(what.into())
}
