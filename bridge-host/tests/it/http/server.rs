//! Servers for the client: one that echoes, and some that break the rules.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::harness::{Endpoint, Reply};

/// An HTTP server that echoes bodies, over TLS where there is an acceptor.
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
