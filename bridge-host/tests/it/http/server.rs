//! Servers for tests of the client: an echo server, and servers that violate the protocol.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::harness::{Endpoint, Reply};

/// Starts an HTTP server that echoes bodies. With an acceptor, it uses TLS.
pub async fn echo(tls: Option<TlsAcceptor>) -> Endpoint {
    Endpoint::start_with(tls, |received, _| {
        let reply = match received.path.as_str() {
            "/empty" => Reply::status(204),
            "/large" => Reply::status(200).body(vec![7; 1 << 20]),
            _ => Reply::status(200).body(received.body.clone()),
        };
        reply.with("x-version", format!("{:?}", received.version))
    })
    .await
}

/// Starts a server that passes its connections to `talk`, one after the other, after the head of a
/// request was read. Returns its URL.
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

/// A response without a body.
pub const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\n\r\n";

/// Reads a request until the end of the body that every test sends.
pub async fn read_request(stream: &mut TcpStream) {
    let mut seen = Vec::new();
    while !seen.ends_with(b"ping") && stream.read_buf(&mut seen).await.unwrap_or(0) > 0 {}
}

/// Writes a text, and keeps the connection open.
pub async fn write(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}
