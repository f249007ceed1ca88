//! An HTTP server that records requests, and answers as the test says.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, Version};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::reply::{Body, Reply};
use super::until;

/// A recorded request.
#[derive(Clone, Debug)]
pub struct Received {
    pub method: String,
    pub path: String,
    pub version: Version,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub at: Instant,
    /// The address of the client.
    pub peer: SocketAddr,
}

impl Received {
    /// Returns the value of a header; empty if the header is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("text"))
    }

    /// Returns the `webhook-id`.
    pub fn id(&self) -> String {
        self.header("webhook-id").to_owned()
    }
}

/// A listening endpoint. It ends with the runtime of the test.
#[derive(Clone)]
pub struct Endpoint {
    pub address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    accepted: Arc<AtomicUsize>,
    open: watch::Receiver<usize>,
}

impl Endpoint {
    /// Answers every request with `reply`, which gets the request and the number
    /// of earlier requests.
    pub async fn start(reply: impl Fn(&Received, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_with(None, reply).await
    }

    /// Does the same over TLS if there is an acceptor, which also negotiates
    /// HTTP/1.1 or HTTP/2.
    pub async fn start_with(
        tls: Option<TlsAcceptor>,
        reply: impl Fn(&Received, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let (gauge, open) = watch::channel(0);
        let endpoint = Self {
            address: listener.local_addr().expect("an address"),
            received: Arc::default(),
            accepted: Arc::default(),
            open,
        };
        let accepted = endpoint.accepted.clone();
        let answers = Arc::new(ReplyFunction {
            received: endpoint.received.clone(),
            reply,
        });
        tokio::spawn(async move {
            loop {
                let (stream, peer) = listener.accept().await.expect("a connection");
                accepted.fetch_add(1, Ordering::Relaxed);
                gauge.send_modify(|open| *open += 1);
                let (tls, answers, gauge) = (tls.clone(), answers.clone(), gauge.clone());
                tokio::spawn(async move {
                    accept(stream, tls, peer, answers).await;
                    gauge.send_modify(|open| *open -= 1);
                });
            }
        });
        endpoint
    }

    /// Answers 204 to every request.
    pub async fn accepting() -> Self {
        Self::start(|_, _| Reply::status(204)).await
    }

    /// Returns its URL with this path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns all requests so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().expect("no panic").clone()
    }

    /// Returns the requests once there are `count` of them.
    pub async fn wait_for(&self, count: usize) -> Vec<Received> {
        until(&format!("{count} requests"), || async {
            let received = self.received();
            (received.len() >= count).then_some(received)
        })
        .await
    }

    /// Returns how many connections were accepted.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Waits until no connection is open.
    pub async fn all_closed(&self) {
        let mut open = self.open.clone();
        let closed = open.wait_for(|open| *open == 0).await;
        closed.expect("the endpoint runs");
    }
}

struct ReplyFunction<F> {
    received: Arc<Mutex<Vec<Received>>>,
    reply: F,
}

async fn accept<F>(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    peer: SocketAddr,
    answers: Arc<ReplyFunction<F>>,
) where
    F: Fn(&Received, usize) -> Reply + Send + Sync + 'static,
{
    match tls {
        None => serve(stream, peer, answers).await,
        // A client that rejects the certificate is not recorded.
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                serve(stream, peer, answers).await;
            }
        }
    }
}

async fn serve<F>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    answers: Arc<ReplyFunction<F>>,
) where
    F: Fn(&Received, usize) -> Reply + Send + Sync + 'static,
{
    let service = service_fn(move |request| {
        let answers = answers.clone();
        async move { Ok::<_, Infallible>(answers.answer(request, peer).await) }
    });
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().max_headers(2000).max_buf_size(4 << 20);
    // Some tests break connections on purpose.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

impl<F: Fn(&Received, usize) -> Reply> ReplyFunction<F> {
    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let Ok(body) = body.collect().await else {
            return Reply::status(200).into_response();
        };
        let this = Received {
            method: parts.method.to_string(),
            path: parts
                .uri
                .path_and_query()
                .map_or("/", |it| it.as_str())
                .to_owned(),
            version: parts.version,
            headers: parts.headers,
            body: body.to_bytes(),
            at: Instant::now(),
            peer,
        };
        let reply = {
            let mut received = self.received.lock().expect("no panic");
            received.push(this.clone());
            (self.reply)(&this, received.len() - 1)
        };
        if !reply.after.is_zero() {
            tokio::time::sleep(reply.after).await;
        }
        reply.into_response()
    }
}
