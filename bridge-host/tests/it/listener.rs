//! The listeners, tested byte by byte.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::intake::running::Running;

/// Sends these bytes, and returns what comes back until the connection ends.
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
async fn a_request_must_have_exactly_one_host() {
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

/// Opens a connection that announces a body of this length, and sends a part of it.
async fn announce(bridge: &Running, length: usize, head: &str) -> TcpStream {
    let at = bridge.url().strip_prefix("http://").expect("a URL");
    let mut stream = TcpStream::connect(at).await.expect("a connection");
    let head = format!(
        "POST /topics/t HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n{head}\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("it is sent");
    stream
}

#[tokio::test]
async fn slow_bodies_hold_only_what_they_sent() {
    let bridge = Running::start().await;
    let mut slow = Vec::new();
    for _ in 0..8 {
        let mut stream = announce(&bridge, 64 << 20, "").await;
        stream.write_all(&[0; 1 << 10]).await.expect("it is sent");
        slow.push(stream);
    }
    for size in [1, 16 << 20] {
        let post = bridge.post("/topics/t").send(vec![7; size]);
        let reply = tokio::time::timeout(Duration::from_secs(20), post).await;
        assert_eq!(reply.expect("an answer").status, 202);
    }
}

/// Partly received bodies may use up the memory for large bodies: small messages do not need it.
#[tokio::test]
async fn small_messages_are_taken_whatever_large_ones_hold() {
    let bridge = Running::start().await;
    let mut large = Vec::new();
    for _ in 0..4 {
        let mut stream = announce(&bridge, 64 << 20, "").await;
        stream.write_all(&vec![0; 63 << 20]).await.ok();
        large.push(stream);
    }
    let lines = "{\"topic\":\"t\",\"data\":\"x\"}\n".repeat(3_000);
    for (path, body) in [("/topics/t", "x".repeat(60 << 10)), ("/batch", lines)] {
        let post = bridge.post(path).send(body);
        let reply = tokio::time::timeout(Duration::from_secs(20), post).await;
        let reply = reply.expect("an answer");
        assert!(reply.status.is_success(), "{reply:?}");
        let refused = reply.lines().into_iter().find(|line| line["id"].is_null());
        assert_eq!(refused, None);
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_is_sent() {
    let bridge = Running::start().await;
    let mut stream = announce(&bridge, 65 << 20, "expect: 100-continue\r\n").await;
    let mut answer = vec![0; 12];
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_exact(&mut answer));
    read.await.expect("in time").expect("an answer");
    assert_eq!(answer, b"HTTP/1.1 413");
}
