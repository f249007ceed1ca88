//! Unusual heads of responses: long, folded, invalid or incomplete. The status line counts.

use std::time::{Duration, Instant};

use bridge_host::http::HttpError;
use http_body_util::BodyExt;
use tokio::io::AsyncWriteExt;

use super::server;
use super::{client, exchange, options, post};

/// Returns the URL of a server that answers each request with these bytes, and closes the
/// connection.
async fn answering(bytes: Vec<u8>) -> String {
    server::raw(move |mut stream| {
        let bytes = bytes.clone();
        async move {
            let _ = stream.write_all(&bytes).await;
        }
    })
    .await
}

/// Returns a response with these lines in its head.
fn response(head: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{head}content-length: 2\r\n\r\nok").into_bytes()
}

fn headers(count: usize) -> String {
    (0..count).map(|n| format!("x-{n}: {n}\r\n")).collect()
}

#[tokio::test]
async fn heads_that_curl_and_browsers_accept_are_read_whole() {
    for head in [
        headers(101),
        headers(1000),
        "x-folded: a\r\n b\r\n\tc\r\n".into(),
        "x-spaced : a\r\n".into(),
        "a name: a\r\n".into(),
        "x-\u{1}: a\r\n".into(),
        format!("x-long: {}\r\n", "x".repeat(200 << 10)),
        "set-cookie: ü\r\n".into(),
    ] {
        let url = answering(response(&head)).await;
        let (status, body) = exchange(&client(), &url).await.expect("a response");
        let shown: String = head.chars().take(40).collect();
        assert_eq!((status, &body[..]), (200, &b"ok"[..]), "{shown}");
    }
    let url = answering(response("x-folded: a\r\n b\r\n")).await;
    let response = post(&client(), &url, &options(&url))
        .await
        .expect("a response");
    assert_eq!(response.headers()["x-folded"], "a b");
}

#[tokio::test]
async fn of_heads_that_they_refuse_the_status_still_counts() {
    for head in [
        headers(20_000),
        "x-nul: \0\r\n".into(),
        "content-length: 1\r\n".into(),
        "content-length: many\r\n".into(),
        format!("x-long: {}\r\n", "x".repeat(600 << 10)),
    ] {
        let shown: String = head.chars().take(40).collect();
        let url = answering(response(&head)).await;
        let response = post(&client(), &url, &options(&url)).await;
        let response = response.unwrap_or_else(|error| panic!("{shown}: {error}"));
        assert_eq!(response.status(), 200, "{shown}");
        // The body is not taken for an empty one.
        let body = response.into_body().collect().await;
        assert!(body.is_err(), "{shown}");
    }
}

#[tokio::test]
async fn a_head_that_breaks_off_has_its_status() {
    for (bytes, status) in [
        ("HTTP/1.1 202 Accepted\r\nx-half", Some(202)),
        ("HTTP/1.1  503 Busy\r\n\r\n", Some(503)),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204", Some(204)),
        ("HTTP/1.1 100 Continue\r\n\r\n", None),
        ("HTTP/1.1 2", None),
    ] {
        let url = answering(bytes.as_bytes().to_vec()).await;
        let response = post(&client(), &url, &options(&url)).await;
        let found = response.map(|response| response.status().as_u16()).ok();
        assert_eq!(found, status, "{bytes}");
    }
}

/// A server that sends informational responses without end is cut off, and does not block its
/// thread.
#[tokio::test]
async fn informational_responses_have_an_end() {
    let url = server::raw(|mut stream| async move {
        let many = "HTTP/1.1 100 Continue\r\n\r\n".repeat(10_000);
        tokio::spawn(async move { while stream.write_all(many.as_bytes()).await.is_ok() {} });
    })
    .await;
    let good = server::echo(None).await;
    let client = client();
    let flood = tokio::spawn({
        let (client, url) = (client.clone(), url.clone());
        async move { post(&client, &url, &options(&url)).await.map(drop) }
    });
    let mut slowest = Duration::ZERO;
    while !flood.is_finished() {
        let began = Instant::now();
        exchange(&client, &good.url("/hook"))
            .await
            .expect("its response");
        slowest = slowest.max(began.elapsed());
    }
    let error = flood
        .await
        .expect("no panic")
        .expect_err("there is no response");
    assert!(matches!(error, HttpError::Protocol(_)), "{error:?}");
    assert!(error.to_string().contains("256 KiB"), "{error}");
    assert!(
        slowest < Duration::from_secs(2),
        "a neighbour waited {slowest:?}"
    );
}

#[tokio::test]
async fn other_protocols_are_named() {
    // The server's connection preface: a SETTINGS frame, which it sends first.
    let frame = [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100];
    let url = answering(frame.to_vec()).await;
    let error = exchange(&client(), &url).await.unwrap_err();
    assert!(
        error.to_string().contains("HTTP/2 without TLS (h2c)"),
        "{error}"
    );

    let url = answering(vec![0x15, 0x03, 0x01, 0, 2, 2, 10]).await;
    let error = exchange(&client(), &url).await.unwrap_err();
    assert!(error.to_string().contains("expects TLS"), "{error}");

    let server = server::echo(None).await;
    let url = format!("https://127.0.0.1:{}/", server.address.port());
    let error = exchange(&client(), &url).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("check whether its URL should begin with http://"),
        "{error}"
    );
}

/// A real h2c server sends its preface as soon as it accepts a connection.
#[tokio::test]
async fn a_server_of_h2c_is_named() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                if let Ok(mut connection) = h2::server::handshake(stream).await {
                    while connection.accept().await.is_some() {}
                }
            });
        }
    });
    for _ in 0..5 {
        let error = exchange(&client(), &url).await.unwrap_err();
        assert!(error.to_string().contains("(h2c)"), "{error}");
    }
}
