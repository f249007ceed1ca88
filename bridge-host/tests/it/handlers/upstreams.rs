//! Handlers that answer with what another server said: its body comes from the
//! host, and goes on after the handler has returned.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::subscription_of;
use crate::harness::{Bridge, Endpoint};

type Part = Result<Frame<Bytes>, std::io::Error>;

/// A server whose bodies come as its paths say.
pub struct Upstream {
    pub address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Upstream {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let upstream = Self {
            address: listener.local_addr().expect("an address"),
            asked: Arc::default(),
        };
        let asked = upstream.asked.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                let asked = asked.clone();
                let service = hyper::service::service_fn(move |request: Request<Incoming>| {
                    asked.fetch_add(1, Ordering::Relaxed);
                    async move { Ok::<_, Infallible>(respond(request.uri().path())) }
                });
                let server = hyper::server::conn::http1::Builder::new();
                tokio::spawn(server.serve_connection(TokioIo::new(stream), service));
            }
        });
        upstream
    }
}

/// The parts of a body, and how long each takes to come.
fn parts(path: &str) -> (Vec<Bytes>, Duration) {
    let (count, size, pause) = match path {
        "/chunked" => (2, 5, 0),
        // Longer than a handler is waited for of which nothing comes.
        "/slow" => (3, 5, 1500),
        "/large" | "/long" => (300, 64 << 10, 0),
        "/broken" => (2, 5, 50),
        _ => (0, 0, 0),
    };
    let part = |n: u8| Bytes::from(vec![b'a' + n % 26; size]);
    let parts = (0..count).map(|n: u16| part((n % 26) as u8));
    (parts.collect(), Duration::from_millis(pause))
}

fn respond(path: &str) -> Response<StreamBody<impl futures_util::Stream<Item = Part> + use<>>> {
    let (parts, pause) = parts(path);
    let mut response = Response::builder();
    if path == "/long" {
        let length = parts.iter().map(Bytes::len).sum::<usize>();
        response = response.header("content-length", length);
    }
    if path == "/trailers" {
        response = response.header("trailer", "x-sum");
    }
    let end: Option<Part> = match path {
        "/broken" => Some(Err(std::io::Error::other("told to break off"))),
        "/trailers" => {
            let sum = [(
                "x-sum".parse().expect("a name"),
                "0".parse().expect("a value"),
            )];
            Some(Ok(Frame::trailers(HeaderMap::from_iter(sum))))
        }
        _ => None,
    };
    let (sender, mut receiver) = mpsc::channel::<Part>(1);
    tokio::spawn(async move {
        for part in parts {
            tokio::time::sleep(pause).await;
            if sender.send(Ok(Frame::data(part))).await.is_err() {
                return;
            }
        }
        if let Some(end) = end {
            let _ = sender.send(end).await;
        }
    });
    let body = futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx));
    response.body(StreamBody::new(body)).expect("a response")
}

/// A handler of wasi:http 0.3 that returns what this server answers.
fn proxy(upstream: &Upstream, path: &str, lines: &str) -> String {
    let to = format!(
        ", headers = {{ x-url = \"http://{}{path}\" }}",
        upstream.address
    );
    let lines = format!("allow = [\"{}\"]\n{lines}", upstream.address);
    subscription_of("service", "proxy", "/proxy", &to, &lines)
}

#[tokio::test(flavor = "multi_thread")]
async fn its_body_is_awaited_however_it_comes() {
    let upstream = Upstream::start().await;
    for path in [
        "/empty",
        "/chunked",
        "/slow",
        "/large",
        "/long",
        "/trailers",
    ] {
        let endpoint = Endpoint::accepting().await;
        let before = upstream.asked.load(Ordering::Relaxed);
        let replies = "reply_to = { topic = \"replies\", max_size = \"32MiB\" }\n\
             [[subscriptions]]\nname = \"out\"\ntopics = [\"replies\"]";
        let replies = format!("{replies}\nto = {:?}", endpoint.url("/"));
        let bridge = Bridge::start(&proxy(&upstream, path, &replies)).await;
        bridge.accept("proxy", &[], "").await;
        let ledger = bridge.ledger_when("proxy", |it| it.pending == 0).await;
        assert_eq!(ledger.delivered, 1, "{path}: {:#?}", bridge.log());
        let received = endpoint.wait_for(1).await.remove(0);
        assert!(received.body == parts(path).0.concat(), "{path}");
        let asked = upstream.asked.load(Ordering::Relaxed) - before;
        assert_eq!(asked, 1, "{path}: {:#?}", bridge.log());
    }
}

/// An error that is another server's doing is not the handler's address's.
#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_its_own_request_is_told_with_the_host() {
    let upstream = Upstream::start().await;
    let config = proxy(&upstream, "/", "").replace("allow = ", "# allow = ");
    let bridge = Bridge::start(&config).await;
    let id = bridge.accept("proxy", &[], "").await;
    let letter = bridge.dead_letter(&id).await;
    let address = upstream.address;
    let denied = format!(
        "the HTTP handler answered with the error \"HTTP request denied\" while calling {address}: "
    );
    assert!(letter.reason.contains(&denied), "{letter:?}");
    assert!(
        letter.reason.contains("add \"127.0.0.1\" to `allow`"),
        "{letter:?}"
    );
    assert_eq!(upstream.asked.load(Ordering::Relaxed), 0);

    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let gone = Upstream {
        address: nobody.local_addr().expect("an address"),
        asked: Arc::default(),
    };
    drop(nobody);
    let bridge = Bridge::start(&proxy(&gone, "/", "")).await;
    let id = bridge.accept("proxy", &[], "").await;
    let letter = bridge.dead_letter(&id).await;
    let refused = format!(
        "while calling {0}: {0} refuses the connection",
        gone.address
    );
    assert!(letter.reason.contains(&refused), "{letter:?}");
    assert!(!letter.reason.contains("handler.internal"), "{letter:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_is_no_success() {
    let upstream = Upstream::start().await;
    let bridge = Bridge::start(&proxy(&upstream, "/broken", "")).await;
    let id = bridge.accept("proxy", &[], "").await;
    let letter = bridge.dead_letter(&id).await;
    assert_eq!((letter.attempts, letter.status), (2, Some(200)));
    assert!(letter.reason.contains("broke off"), "{letter:?}");
}
