//! One request and its response, over wasi:http. The body is written as fast as
//! the host accepts it, while an early response is read.

use crate::failure;
use crate::wasi::clocks::monotonic_clock::subscribe_duration;
use crate::wasi::http::outgoing_handler;
use crate::wasi::http::types::{
    Fields, FutureIncomingResponse, IncomingResponse, Method, OutgoingBody, OutgoingRequest,
    RequestOptions, Scheme,
};
use crate::wasi::io::poll::poll;
use crate::wasi::io::streams::OutputStream;
use mapping::{ExchangeError, Request, Settings, TransportFailure};

/// The most bytes written at once.
const MAX_CHUNK: usize = 1 << 20;

/// The most bytes of a response that the text of an error quotes.
const MAX_EXCERPT: usize = 1024;

/// The time limit for reading that text, in nanoseconds. The status is enough
/// without it.
const EXCERPT_TIMEOUT_NS: u64 = 200_000_000;

/// Sends the request and returns the result of the exchange.
pub fn run(settings: &Settings, request: Request) -> Result<(), ExchangeError> {
    let outgoing = outgoing_request(settings, &request)?;
    if !settings.method.has_body() {
        let pending = outgoing_handler::handle(outgoing, options(settings))
            .map_err(|code| failure::to_exchange_error(settings, code))?;
        return judge(settings, &wait_for_response(settings, &pending)?, None);
    }
    let body = outgoing
        .body()
        .map_err(|()| connection_error("no body to write to"))?;
    let stream = body
        .write()
        .map_err(|()| connection_error("no stream to write to"))?;
    let mut upload = Upload {
        rest: &request.body,
        stream,
        body,
    };
    // A body that the host accepts at once is complete before the request starts.
    upload
        .write()
        .map_err(|BodyClosed| connection_error("the body's stream closed"))?;
    let (upload, options) = (upload.end_if_done(settings)?, options(settings));
    let pending = outgoing_handler::handle(outgoing, options)
        .map_err(|code| failure::to_exchange_error(settings, code))?;
    let upload = match upload {
        Some(upload) => upload.run(settings, &pending)?,
        None => None,
    };
    let response = wait_for_response(settings, &pending)?;
    judge(settings, &response, upload)
}

/// Returns the request, without its body.
fn outgoing_request(
    settings: &Settings,
    request: &Request,
) -> Result<OutgoingRequest, ExchangeError> {
    let headers = Fields::from_list(&request.headers).map_err(|_| {
        ExchangeError::Other("the host refused the headers that the message makes".into())
    })?;
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

/// The rest of a body that is being written. The fields are in the order in which
/// the host requires them to be dropped.
struct Upload<'a> {
    rest: &'a [u8],
    stream: OutputStream,
    body: OutgoingBody,
}

/// The host accepts no more of the body.
struct BodyClosed;

impl<'a> Upload<'a> {
    /// Writes what the host accepts without waiting.
    fn write(&mut self) -> Result<(), BodyClosed> {
        while !self.rest.is_empty() {
            let room = self.stream.check_write().map_err(|_| BodyClosed)?;
            let room = usize::try_from(room).unwrap_or(MAX_CHUNK).min(MAX_CHUNK);
            if room == 0 {
                break;
            }
            let (now, later) = self.rest.split_at(room.min(self.rest.len()));
            self.stream.write(now).map_err(|_| BodyClosed)?;
            self.rest = later;
        }
        Ok(())
    }

    /// Finishes the body if it is complete; otherwise returns the upload.
    fn end_if_done(self, settings: &Settings) -> Result<Option<Self>, ExchangeError> {
        if !self.rest.is_empty() {
            return Ok(Some(self));
        }
        drop(self.stream);
        OutgoingBody::finish(self.body, None)
            .map_err(|code| failure::to_exchange_error(settings, code))?;
        Ok(None)
    }

    /// Writes the whole body, or as much as the host accepts before the response
    /// arrives.
    fn run(
        mut self,
        settings: &Settings,
        pending: &FutureIncomingResponse,
    ) -> Result<Option<Self>, ExchangeError> {
        let (ready, answered) = (self.stream.subscribe(), pending.subscribe());
        while !self.rest.is_empty() {
            if poll(&[&ready, &answered]).contains(&1) || self.write().is_err() {
                drop(ready);
                return Ok(Some(self));
            }
        }
        drop(ready);
        self.end_if_done(settings)
    }

    /// Writes the rest of the body to an endpoint that answers while it reads.
    /// The response is read only to let the endpoint go on.
    fn run_while_reading(
        mut self,
        settings: &Settings,
        response: &IncomingResponse,
    ) -> Result<(), ExchangeError> {
        let early =
            || connection_error("the endpoint answered before it had read the whole message");
        let body = response.consume().map_err(|()| early())?;
        let answered = body.stream().map_err(|()| early())?;
        let (room, more) = (self.stream.subscribe(), answered.subscribe());
        let mut open = true;
        while !self.rest.is_empty() {
            let ready = match open {
                true => poll(&[&room, &more]),
                false => poll(&[&room]),
            };
            open = open && (!ready.contains(&1) || answered.read(MAX_CHUNK as u64).is_ok());
            self.write().map_err(|BodyClosed| early())?;
        }
        drop(room);
        self.end_if_done(settings).map(drop)
    }
}

fn wait_for_response(
    settings: &Settings,
    pending: &FutureIncomingResponse,
) -> Result<IncomingResponse, ExchangeError> {
    pending.subscribe().block();
    match pending.get() {
        Some(Ok(Ok(response))) => Ok(response),
        Some(Ok(Err(code))) => Err(failure::to_exchange_error(settings, code)),
        _ => Err(connection_error("the host lost the response")),
    }
}

fn judge(
    settings: &Settings,
    response: &IncomingResponse,
    upload: Option<Upload<'_>>,
) -> Result<(), ExchangeError> {
    let status = response.status();
    match (settings.judge(status, b""), upload) {
        (Ok(()), None) => Ok(()),
        (Ok(()), Some(upload)) => upload.run_while_reading(settings, response),
        (Err(_), _) => settings.judge(status, &excerpt(response)),
    }
}

/// Returns the first bytes of the response that arrive in time.
fn excerpt(response: &IncomingResponse) -> Vec<u8> {
    let mut read = Vec::new();
    let Ok(body) = response.consume() else {
        return read;
    };
    let Ok(stream) = body.stream() else {
        return read;
    };
    let (ready, late) = (stream.subscribe(), subscribe_duration(EXCERPT_TIMEOUT_NS));
    while read.len() < MAX_EXCERPT && poll(&[&ready, &late]).contains(&0) {
        match stream.read((MAX_EXCERPT - read.len()) as u64) {
            Ok(mut more) => read.append(&mut more),
            Err(_) => break,
        }
    }
    read
}

fn connection_error(what: &str) -> ExchangeError {
    ExchangeError::Connection(what.into())
}
