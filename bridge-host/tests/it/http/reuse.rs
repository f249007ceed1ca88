//! Connections are kept, replaced and closed.

use std::pin::pin;
use std::time::Duration;

use bridge_host::http::{Client, RequestOptions, Settings, Upload};
use futures_util::FutureExt;
use http::Request;
use http_body_util::{BodyExt, Full};
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::server;
use super::{Body, client, exchange, options, post};

#[tokio::test]
async fn one_connection_serves_one_request_after_the_other() {
    let server = server::echo(None).await;
    let client = client();
    for _ in 0..20 {
        let (status, body) = exchange(&client, &server.url("/hook")).await.unwrap();
        assert_eq!((status, &body[..]), (200, &b"ping"[..]));
    }
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn a_body_that_is_empty_or_unread_gives_its_connection_back() {
    let server = server::echo(None).await;
    let client = client();
    for path in ["empty", "hook", "empty", "hook"] {
        let url = format!("http://127.0.0.1:{}/{path}", server.address.port());
        let response = post(&client, &url, &options(&url)).await.unwrap();
        drop(response);
    }
    assert_eq!(server.accepted(), 1);
}

/// The exchange drives the connection, or a task does.
#[tokio::test]
async fn a_connection_serves_the_exchange_or_a_task_that_drives_it() {
    let server = server::echo(None).await;
    let client = client();
    for n in 0..24 {
        let path = ["hook", "empty", "hook?unread"][n % 3];
        let url = format!("http://127.0.0.1:{}/{path}", server.address.port());
        let options = RequestOptions {
            upload: match n % 5 < 2 {
                true => Upload::Complete,
                false => Upload::Streamed,
            },
            ..options(&url)
        };
        let response = post(&client, &url, &options).await.unwrap();
        if path == "hook" {
            let body = response.into_body().collect().await.unwrap();
            assert_eq!(body.to_bytes(), "ping");
        }
    }
    assert_eq!(server.accepted(), 1);
}

/// Returns a request whose body is sent in parts.
fn streamed(url: &str, body: Vec<u8>) -> (Request<Body>, RequestOptions) {
    let request = Request::post(url).body(Full::from(body)).unwrap();
    let options = RequestOptions {
        upload: Upload::Streamed,
        ..options(url)
    };
    (request, options)
}

#[tokio::test]
async fn a_streamed_request_is_sent_while_nothing_waits() {
    let (arrived, mut when_arrived) = mpsc::unbounded_channel();
    let url = server::raw(move |mut stream| {
        let arrived = arrived.clone();
        async move {
            server::write(&mut stream, server::NO_CONTENT).await;
            server::read_request(&mut stream).await;
            arrived.send(stream).unwrap();
        }
    })
    .await;
    let client = client();
    exchange(&client, &url).await.unwrap();
    let mut large = vec![b'x'; 16 << 20];
    large.extend_from_slice(b"ping");
    let (request, options) = streamed(&url, large);
    let mut sending = pin!(client.send(request, &options));
    assert!((&mut sending).now_or_never().is_none());
    let arrived = timeout(Duration::from_secs(10), when_arrived.recv()).await;
    let mut stream = arrived.expect("it goes out").unwrap();
    server::write(&mut stream, server::NO_CONTENT).await;
    assert_eq!(sending.await.unwrap().status(), 204);
}

#[tokio::test]
async fn a_request_goes_on_after_its_response() {
    let (ended, mut when_ended) = mpsc::unbounded_channel();
    let url = server::raw(move |mut stream| {
        let ended = ended.clone();
        async move {
            server::write(&mut stream, server::NO_CONTENT).await;
            // Longer than the pool waits for the connection.
            sleep(Duration::from_millis(1500)).await;
            let mut rest = Vec::new();
            while !rest.ends_with(b"pong") && stream.read_buf(&mut rest).await.unwrap() > 0 {}
            ended.send(rest.ends_with(b"pong")).unwrap();
        }
    })
    .await;
    let mut large = b"ping".repeat(4 << 20);
    large.extend_from_slice(b"pong");
    let (request, options) = streamed(&url, large);
    let response = client().send(request, &options).await.unwrap();
    assert_eq!(response.status(), 204);
    let ended = timeout(Duration::from_secs(10), when_ended.recv()).await;
    assert!(ended.expect("it ends").unwrap(), "it was cut off");
}

#[tokio::test]
async fn a_long_body_that_is_unread_costs_its_connection() {
    let server = server::echo(None).await;
    let client = client();
    let url = format!("http://127.0.0.1:{}/large", server.address.port());
    for (upload, connections) in [(Upload::Complete, 2), (Upload::Streamed, 3)] {
        let options = RequestOptions {
            upload,
            ..options(&url)
        };
        drop(post(&client, &url, &options).await.unwrap());
        server.all_closed().await;
        let (_, body) = exchange(&client, &url).await.unwrap();
        assert_eq!((body.len(), server.accepted()), (1 << 20, connections));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_requests_have_a_connection_each_and_share_them_later() {
    let server = server::echo(None).await;
    let client = client();
    for _ in 0..10 {
        let requests: Vec<_> = (0..8)
            .map(|_| {
                let (client, url) = (client.clone(), server.url("/hook"));
                tokio::spawn(async move { exchange(&client, &url).await })
            })
            .collect();
        for request in requests {
            assert_eq!(request.await.unwrap().unwrap().0, 200);
        }
    }
    assert!(server.accepted() <= 16, "{} connections", server.accepted());
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_is_replaced() {
    let (closed, mut when_closed) = mpsc::unbounded_channel();
    let url = server::raw(move |mut stream| {
        let closed = closed.clone();
        async move {
            server::write(
                &mut stream,
                "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
            )
            .await;
            drop(stream);
            closed.send(()).unwrap();
        }
    })
    .await;
    let client = client();
    for _ in 0..5 {
        assert_eq!(exchange(&client, &url).await.unwrap().0, 200);
        when_closed.recv().await.unwrap();
        // Its answer passes through the same event loop, so the close has been noticed by then.
        let other = server::echo(None).await;
        exchange(&client, &other.url("/hook")).await.unwrap();
    }
}

#[tokio::test]
async fn idle_connections_are_closed_after_their_time() {
    let server = server::echo(None).await;
    let client = Client::new(&Settings {
        idle_timeout: Duration::from_millis(50),
        ..Settings::default()
    })
    .unwrap();
    exchange(&client, &server.url("/hook")).await.unwrap();
    server.all_closed().await;
    exchange(&client, &server.url("/hook")).await.unwrap();
    assert_eq!(server.accepted(), 2);
}

/// Connections are also replaced on a busy bridge, so that it notices a change of addresses.
#[tokio::test]
async fn a_busy_connection_grows_old() {
    let server = server::echo(None).await;
    let client = Client::new(&Settings {
        max_connection_age: Duration::from_millis(300),
        ..Settings::default()
    })
    .unwrap();
    let began = std::time::Instant::now();
    while began.elapsed() < Duration::from_millis(1000) {
        exchange(&client, &server.url("/hook")).await.unwrap();
    }
    assert!(server.accepted() >= 3, "{} connections", server.accepted());
}

#[tokio::test]
async fn no_more_idle_connections_are_kept_than_set() {
    let server = server::echo(None).await;
    let client = Client::new(&Settings {
        max_idle: 0,
        ..Settings::default()
    })
    .unwrap();
    let response = post(
        &client,
        &server.url("/hook"),
        &options(&server.url("/hook")),
    )
    .await;
    let body = response.unwrap().into_body().collect().await.unwrap();
    assert_eq!(body.to_bytes(), "ping");
    server.all_closed().await;
}
