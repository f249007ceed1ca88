//! The listeners as clients meet them, byte by byte.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::intake::running::Running;

/// What comes back for these bytes, until the end of the connection.
async fn exchange(bridge: &Running, request: &str) -> String {
    let at = bridge.url().strip_prefix("http://").expect("a URL");
    let mut stream = TcpStream::connect(at).await.expect("a connection");
    stream
        .write_all(request.as_bytes())
        .await
        .expect("it is sent");
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    let read = tokio::time::timeout(Duration::from_secs(60), read).await;
    read.expect("an end").expect("text");
    answer
}

#[tokio::test]
async fn one_host_and_no_more() {
    let bridge = Running::start().await;
    for (head, status) in [
        ("GET /healthz HTTP/1.1\r\n", 400),
        (
            "GET /healthz HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n",
            400,
        ),
        ("GET /healthz HTTP/1.1\r\nhost: a b\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nhost: localhost\r\n", 200),
        ("GET /healthz HTTP/1.1\r\nhost:\r\n", 200),
        ("GET /healthz HTTP/1.0\r\n", 200),
    ] {
        let answer = exchange(&bridge, &format!("{head}connection: close\r\n\r\n")).await;
        let begins = answer.get(9..12).unwrap_or_default();
        assert_eq!(begins, status.to_string(), "{head}: {answer}");
    }
}
