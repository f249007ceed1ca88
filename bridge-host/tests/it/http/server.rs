//! Servers that count their connections, and some that break the rules.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// An HTTP server that echoes bodies.
pub struct Server {
    pub port: u16,
    accepted: Arc<AtomicUsize>,
    open: watch::Receiver<usize>,
}

impl Server {
    pub async fn start(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let accepted = Arc::new(AtomicUsize::new(0));
        let (gauge, open) = watch::channel(0);
        let counter = accepted.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                let (tls, gauge) = (tls.clone(), gauge.clone());
                tokio::spawn(async move {
                    gauge.send_modify(|open| *open += 1);
                    match tls {
                        None => serve(stream).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream).await;
                            }
                        }
                    }
                    gauge.send_modify(|open| *open -= 1);
                });
            }
        });
        Self {
            port,
            accepted,
            open,
        }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    /// How many connections there have been.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Returns when no connection is open.
    pub async fn all_closed(&self) {
        let mut open = self.open.clone();
        open.wait_for(|open| *open == 0).await.unwrap();
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
    let _ = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service_fn(answer))
        .await;
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let version = format!("{:?}", request.version());
    let host = request
        .headers()
        .get("host")
        .map_or("", |host| host.to_str().unwrap())
        .to_owned();
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await?.to_bytes();
    let (status, body) = match path.as_str() {
        "/empty" => (204, Bytes::new()),
        "/large" => (200, vec![7; 1 << 20].into()),
        _ => (200, body),
    };
    Ok(Response::builder()
        .status(status)
        .header("x-version", version)
        .header("x-host", host)
        .body(Full::new(body))
        .unwrap())
}

/// A server whose connections are given to `talk`, one after the other, the
/// head of a request already read. Returns its URL.
pub async fn raw<F>(mut talk: impl FnMut(TcpStream) -> F + Send + 'static) -> String
where
    F: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            read_request(&mut stream).await;
            talk(stream).await;
        }
    });
    url
}

/// A response that is at its end with its head.
pub const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\n\r\n";

/// Reads until the end of the body that every test sends.
pub async fn read_request(stream: &mut TcpStream) {
    let mut seen = Vec::new();
    while !seen.ends_with(b"ping") && stream.read_buf(&mut seen).await.unwrap_or(0) > 0 {}
}

/// Writes a text, and keeps the connection.
pub async fn write(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}
