//! A handler for wasi:http 0.3 that follows the path of a request, for tests: the
//! counterpart of `responder`, with the same paths.

wit_bindgen::generate!({
    path: ["../../../../wit/async/deps/clocks", "../../../../wit/async/deps/http", "wit"],
    world: "test:service/service",
    generate_all,
});

mod body;

use std::cell::Cell;

use exports::wasi::http::handler::Guest;
use wasi::clocks::monotonic_clock::wait_for;
use wasi::http::client;
use wasi::http::types::{ErrorCode, Fields, Request, Response, Scheme};
use wit_bindgen::spawn_local;

struct Service;

type Answer = Result<Response, ErrorCode>;

thread_local! {
    static CALLS: Cell<u32> = const { Cell::new(0) };
}

impl Guest for Service {
    async fn handle(request: Request) -> Answer {
        CALLS.set(CALLS.get() + 1);
        let target = told(&request);
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        match path {
            "/echo" => echo(request, body::echoed),
            "/copy" => echo(request, body::copied),
            "/refused-copy" => {
                let response = echo(request, body::copied)?;
                response.set_status_code(410).expect("a status");
                Ok(response)
            }
            "/proxy" => client::send(asking(&request)).await,
            "/stream" => Ok(body::zeros(query.parse().unwrap_or(100 << 20))),
            "/never" => loop {
                wait_for(1_000_000_000).await;
            },
            "/slow" => {
                wait_for(20_000_000).await;
                respond(200, &[], b"slow")
            }
            "/wait" => wait(query).await,
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
            "/trap-after" => {
                _ = wait(query).await;
                panic!("told to trap late")
            }
            "/trap-late" => Ok(body::trapping()),
            "/hang-late" => Ok(body::hanging()),
            "/busy" => respond(503, &[("retry-after", b"1")], b"come again"),
            "/gone" => respond(410, &[], b"no such order"),
            "/unfinished" => Ok(body::unfinished()),
            "/short" => Ok(body::shorter_than_it_says()),
            "/trailers" => Ok(body::with_trailers()),
            "/refuse" => Err(ErrorCode::ConnectionRefused),
            "/calls" => respond(410, &[], CALLS.get().to_string().as_bytes()),
            "/fetch" => fetch(&request).await,
            "/keep-fields" => loop {
                let fields = Fields::new();
                let value = vec![b'x'; 256 << 10];
                fields.append("x-large", &value).expect("a header");
                std::mem::forget(fields);
            },
            // Starts more and more requests at once, and waits for none.
            "/keep-requests" => loop {
                let outgoing = asking(&request);
                spawn_local(async move { std::mem::forget(client::send(outgoing).await) });
                wait_for(1_000_000).await;
            },
            other => respond(404, &[], other.as_bytes()),
        }
    }
}

/// Answers after this many milliseconds.
async fn wait(query: &str) -> Answer {
    let milliseconds: u64 = query.parse().expect("a number");
    wait_for(milliseconds * 1_000_000).await;
    respond(200, &[], b"waited")
}

/// Returns the instruction: the path, unless a header replaces it, which a
/// message can carry.
fn told(request: &Request) -> String {
    let header = request.get_headers().get("x-do").pop();
    let header = header.and_then(|value| String::from_utf8(value).ok());
    let path = || request.get_path_with_query().unwrap_or_default();
    header.unwrap_or_else(path)
}

fn respond(status: u16, headers: &[(&str, &[u8])], data: &[u8]) -> Answer {
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.to_vec()))
        .collect();
    let headers = Fields::from_list(&headers).expect("legal headers");
    let response = body::whole(headers, data.to_vec());
    response.set_status_code(status).expect("a status");
    Ok(response)
}

/// Answers with the request's body, its trailers, and its headers that begin with
/// `x-`.
fn echo(request: Request, answer: fn(Fields, Request) -> Response) -> Answer {
    let mut headers = request.get_headers().copy_all();
    let scheme = match request.get_scheme() {
        Some(Scheme::Https) => "https",
        _ => "http",
    };
    let asked = format!("{scheme}://{}", request.get_authority().unwrap_or_default());
    headers.retain(|(name, _)| {
        name.starts_with("x-") || name == "content-type" || name == "webhook-id"
    });
    headers.push(("x-asked".into(), asked.into_bytes()));
    let headers = Fields::from_list(&headers).expect("legal headers");
    Ok(answer(headers, request))
}

/// Requests the URL in the header `x-url`, and answers with its status.
async fn fetch(request: &Request) -> Answer {
    match client::send(asking(request)).await {
        Ok(response) => {
            let said = format!("fetched {}", response.get_status_code());
            respond(410, &[], said.as_bytes())
        }
        Err(code) => respond(410, &[], format!("{code:?}").as_bytes()),
    }
}

/// Returns a request for the URL in the header `x-url`.
fn asking(request: &Request) -> Request {
    let url = request.get_headers().get("x-url").remove(0);
    let url = String::from_utf8(url).expect("text");
    let rest = url.trim_start_matches("http://");
    let (authority, path) = rest.split_once('/').unwrap_or((rest, "fetched"));
    let outgoing = body::request();
    outgoing.set_scheme(Some(&Scheme::Http)).expect("http");
    outgoing.set_authority(Some(authority)).expect("a host");
    let path = format!("/{path}");
    outgoing.set_path_with_query(Some(&path)).expect("a path");
    outgoing
}

export!(Service);
