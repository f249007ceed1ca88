//! An HTTP handler that follows the path of a request, for tests: correct
//! behaviour, and every way to fail.

wit_bindgen::generate!({
    path: ["../../../../wit", "wit"],
    world: "test:responder/responder",
    generate_all,
});

mod body;
mod granted;

use std::cell::Cell;

use exports::wasi::http::incoming_handler::{Guest, IncomingRequest, ResponseOutparam};
use wasi::cli::stdout::get_stdout;
use wasi::clocks::monotonic_clock::subscribe_duration;
use wasi::http::outgoing_handler;
use wasi::http::types::{
    ErrorCode, Fields, IncomingBody, OutgoingBody, OutgoingRequest, OutgoingResponse, Scheme,
};

struct Responder;

thread_local! {
    static CALLS: Cell<u32> = const { Cell::new(0) };
}

impl Guest for Responder {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        CALLS.set(CALLS.get() + 1);
        let target = request.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        match path {
            "/echo" => echo(request, out),
            "/stream" => stream(query, out),
            "/never" => loop {
                subscribe_duration(1_000_000_000).block();
            },
            "/slow" => {
                subscribe_duration(20_000_000).block();
                respond(out, 200, &[], b"slow");
            }
            "/spin" => loop {
                std::hint::black_box(());
            },
            "/hoard" => {
                let mut hoard = Vec::new();
                loop {
                    hoard.push(std::hint::black_box(vec![1_u8; 1 << 20]));
                }
            }
            "/trap" => panic!("told to trap"),
            "/trap-late" => {
                let (body, stream) = begin(out, 200, &[]);
                body::write(&stream, b"so far so good");
                drop((stream, body));
                panic!("told to trap late");
            }
            "/hang-late" => {
                let _body = begin(out, 200, &[]);
                loop {
                    subscribe_duration(1_000_000_000).block();
                }
            }
            "/busy" => respond(out, 503, &[("retry-after", b"1")], b"come again"),
            "/gone" => respond(out, 410, &[], b"no such order"),
            "/silent" => {}
            // Neither set nor dropped: the host holds it until the instance ends.
            "/forget" => std::mem::forget(out),
            "/unfinished" => std::mem::forget(begin(out, 200, &[])),
            "/refuse" => ResponseOutparam::set(out, Err(ErrorCode::ConnectionRefused)),
            "/calls" => respond(out, 410, &[], CALLS.get().to_string().as_bytes()),
            "/fetch" => fetch(&request, out),
            "/granted" => respond(out, 410, &[], granted::told().as_bytes()),
            "/wait" => {
                let milliseconds: u64 = query.parse().expect("a number");
                subscribe_duration(milliseconds * 1_000_000).block();
                respond(out, 200, &[], b"waited");
            }
            "/heavy" => heavy(query, out),
            "/trailers" => trailers(request, out),
            "/print-part" => {
                let printed = get_stdout().blocking_write_and_flush(query.as_bytes());
                printed.expect("the log");
                respond(out, 204, &[], b"");
            }
            "/print" => {
                let printed = get_stdout().blocking_write_and_flush(b"printed by the handler\n");
                printed.expect("the log");
                respond(out, 204, &[], b"");
            }
            "/event" => {
                let headers: [(&str, &[u8]); 5] = [
                    ("content-type", b"application/json"),
                    ("ce-specversion", b"1.0"),
                    ("ce-id", b"event-7"),
                    ("ce-type", b"order.taken"),
                    ("ce-source", b"/shop"),
                ];
                respond(out, 202, &headers, b"{\"taken\":true}");
            }
            other => respond(out, 404, &[], other.as_bytes()),
        }
    }
}

/// Sends the head of the response, and returns the stream for its body.
fn begin(
    out: ResponseOutparam,
    status: u16,
    headers: &[(&str, &[u8])],
) -> (OutgoingBody, wasi::io::streams::OutputStream) {
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.to_vec()))
        .collect();
    let response = OutgoingResponse::new(Fields::from_list(&headers).expect("legal headers"));
    response.set_status_code(status).expect("a status");
    let body = response.body().expect("its body");
    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().expect("its stream");
    (body, stream)
}

fn respond(out: ResponseOutparam, status: u16, headers: &[(&str, &[u8])], data: &[u8]) {
    let (body, stream) = begin(out, status, headers);
    body::write(&stream, data);
    drop(stream);
    OutgoingBody::finish(body, None).expect("a finished body");
}

/// Answers with the request's body, its trailers, and its headers that begin with
/// `x-`.
fn echo(request: IncomingRequest, out: ResponseOutparam) {
    let mut headers = request.headers().entries();
    let scheme = match request.scheme() {
        Some(Scheme::Https) => "https",
        _ => "http",
    };
    let asked = format!("{scheme}://{}", request.authority().unwrap_or_default());
    headers.retain(|(name, _)| {
        name.starts_with("x-") || name == "content-type" || name == "webhook-id"
    });
    headers.push(("x-asked".into(), asked.into_bytes()));
    let headers: Vec<_> = headers
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_slice()))
        .collect();
    let (body, stream) = begin(out, 200, &headers);
    body::copy(request, &stream);
    drop(stream);
    OutgoingBody::finish(body, None).expect("a finished body");
}

/// Allocates 24 MiB, and waits for as many milliseconds as the query says.
fn heavy(query: &str, out: ResponseOutparam) {
    let heavy = std::hint::black_box(vec![1_u8; 24 << 20]);
    let wait: u64 = query.parse().expect("a number");
    subscribe_duration(wait * 1_000_000).block();
    respond(out, 200, &[], &heavy[..1]);
}

/// Answers with the whole request once it is complete, including trailers.
fn trailers(request: IncomingRequest, out: ResponseOutparam) {
    let incoming = request.consume().expect("its body");
    let data = body::read(&incoming.stream().expect("its stream"));
    let coming = IncomingBody::finish(incoming);
    coming.subscribe().block();
    let trailers = coming.get().expect("ready").expect("once").expect("whole");
    let (body, stream) = begin(out, 200, &[]);
    body::write(&stream, &data);
    drop(stream);
    OutgoingBody::finish(body, trailers).expect("a finished body");
}

/// Answers with as many bytes as the query says.
fn stream(query: &str, out: ResponseOutparam) {
    let (body, stream) = begin(out, 200, &[]);
    let mut left: usize = query.parse().unwrap_or(100 << 20);
    let chunk = vec![b'x'; 64 << 10];
    while left > 0 {
        let now = left.min(chunk.len());
        body::write(&stream, &chunk[..now]);
        left -= now;
    }
    drop(stream);
    OutgoingBody::finish(body, None).expect("a finished body");
}

/// Requests the URL in the header `x-url`, and answers with its status. The path
/// is `/fetched`, or the value of `x-path`. With `x-upload` it writes that many
/// bytes while the request is in flight.
fn fetch(request: &IncomingRequest, out: ResponseOutparam) {
    let header = |name: &str| {
        let value = request.headers().get(name).pop();
        value.map(|value| String::from_utf8(value).expect("text"))
    };
    let url = header("x-url").expect("a URL");
    let authority = url.trim_start_matches("http://");
    let path = header("x-path").unwrap_or_else(|| "/fetched".into());
    let upload = header("x-upload").map(|bytes| bytes.parse::<usize>().expect("a number"));
    let outgoing = OutgoingRequest::new(Fields::new());
    outgoing.set_scheme(Some(&Scheme::Http)).expect("http");
    outgoing.set_authority(Some(authority)).expect("a host");
    outgoing.set_path_with_query(Some(&path)).expect("a path");
    let body = upload.map(|bytes| (outgoing.body().expect("its body"), bytes));
    let answer = outgoing_handler::handle(outgoing, None).and_then(|response| {
        if let Some((body, bytes)) = body {
            let stream = body.write().expect("its stream");
            for _ in 0..bytes.div_ceil(4096) {
                if stream.blocking_write_and_flush(&[b'x'; 4096]).is_err() {
                    return Err(ErrorCode::InternalError(Some("its pipe broke".into())));
                }
            }
            drop(stream);
            OutgoingBody::finish(body, None)?;
        }
        response.subscribe().block();
        response.get().expect("ready").expect("once")
    });
    match answer {
        Ok(response) => {
            let said = response.status().to_string();
            respond(out, 410, &[], format!("fetched {said}").as_bytes());
        }
        Err(code) => respond(out, 410, &[], format!("{code:?}").as_bytes()),
    }
}

export!(Responder);
