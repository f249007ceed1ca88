//! An HTTP endpoint that remembers what it received, and answers as told.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::until;

/// One request that arrived.
#[derive(Clone, Debug)]
pub struct Received {
    pub method: String,
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub at: Instant,
    /// The other end of its connection.
    pub peer: SocketAddr,
}

impl Received {
    /// A header's value; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("text"))
    }

    /// Its `webhook-id`.
    pub fn id(&self) -> String {
        self.header("webhook-id").to_owned()
    }
}

/// What the endpoint answers.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub after: Duration,
}

impl Reply {
    /// This status, at once.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            after: Duration::ZERO,
        }
    }

    /// The same with another header.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same after some time.
    pub fn after(mut self, after: Duration) -> Self {
        self.after = after;
        self
    }
}

/// A listening endpoint. It ends with the test's runtime.
#[derive(Clone)]
pub struct Endpoint {
    pub address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Endpoint {
    /// Answers every request with `reply`, which sees it and how many came before.
    pub async fn start(reply: impl Fn(&Received, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = Self {
            address: listener.local_addr().expect("an address"),
            received: Arc::default(),
        };
        let (received, reply) = (endpoint.received.clone(), Arc::new(reply));
        tokio::spawn(async move {
            loop {
                let (stream, peer) = listener.accept().await.expect("a connection");
                let (received, reply) = (received.clone(), reply.clone());
                let service = hyper::service::service_fn(move |request| {
                    answer(request, peer, received.clone(), reply.clone())
                });
                let mut server = hyper::server::conn::http1::Builder::new();
                server.max_headers(2000).max_buf_size(4 << 20);
                tokio::spawn(server.serve_connection(TokioIo::new(stream), service));
            }
        });
        endpoint
    }

    /// Answers 204 to everything.
    pub async fn accepting() -> Self {
        Self::start(|_, _| Reply::status(204)).await
    }

    /// Its URL, with this path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All requests so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().expect("no panic").clone()
    }

    /// The requests, once there are so many.
    pub async fn wait_for(&self, count: usize) -> Vec<Received> {
        until(&format!("{count} requests"), || async {
            let received = self.received();
            (received.len() >= count).then_some(received)
        })
        .await
    }
}

async fn answer(
    request: Request<Incoming>,
    peer: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    reply: Arc<impl Fn(&Received, usize) -> Reply>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return Ok(Response::new(Full::default()));
    };
    let this = Received {
        method: parts.method.to_string(),
        path: parts.uri.to_string(),
        headers: parts.headers,
        body: body.to_bytes(),
        at: Instant::now(),
        peer,
    };
    let reply = {
        let mut received = received.lock().expect("no panic");
        received.push(this.clone());
        reply(&this, received.len() - 1)
    };
    tokio::time::sleep(reply.after).await;
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    Ok(response.body(Full::default()).expect("a response"))
}
