//! Connections are kept, replaced and closed.

use std::time::Duration;

use bridge_host::http::{Client, Settings};
use http_body_util::BodyExt;
use tokio::sync::mpsc;

use super::server::{self, Server};
use super::{client, exchange, options, post};

#[tokio::test]
async fn one_connection_serves_one_request_after_the_other() {
    let server = Server::start(None).await;
    let client = client();
    for _ in 0..20 {
        let (status, body) = exchange(&client, &server.url()).await.unwrap();
        assert_eq!((status, &body[..]), (200, &b"ping"[..]));
    }
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn a_body_that_is_empty_or_unread_gives_its_connection_back() {
    let server = Server::start(None).await;
    let client = client();
    for path in ["empty", "hook", "empty", "hook"] {
        let url = format!("http://127.0.0.1:{}/{path}", server.port);
        let response = post(&client, &url, &options(&url)).await.unwrap();
        drop(response);
    }
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn a_long_body_that_is_unread_costs_its_connection() {
    let server = Server::start(None).await;
    let client = client();
    let url = format!("http://127.0.0.1:{}/large", server.port);
    drop(post(&client, &url, &options(&url)).await.unwrap());
    server.all_closed().await;
    let (_, body) = exchange(&client, &url).await.unwrap();
    assert_eq!((body.len(), server.accepted()), (1 << 20, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_requests_have_a_connection_each_and_share_them_later() {
    let server = Server::start(None).await;
    let client = client();
    for _ in 0..10 {
        let requests: Vec<_> = (0..8)
            .map(|_| {
                let (client, url) = (client.clone(), server.url());
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
        // Its answer comes through the same event loop: the close is seen by then.
        let other = Server::start(None).await;
        exchange(&client, &other.url()).await.unwrap();
    }
}

#[tokio::test]
async fn idle_connections_are_closed_after_their_time() {
    let server = Server::start(None).await;
    let client = Client::new(&Settings {
        idle_timeout: Duration::from_millis(50),
        ..Settings::default()
    })
    .unwrap();
    exchange(&client, &server.url()).await.unwrap();
    server.all_closed().await;
    exchange(&client, &server.url()).await.unwrap();
    assert_eq!(server.accepted(), 2);
}

#[tokio::test]
async fn no_more_idle_connections_are_kept_than_set() {
    let server = Server::start(None).await;
    let client = Client::new(&Settings {
        max_idle: 0,
        ..Settings::default()
    })
    .unwrap();
    let response = post(&client, &server.url(), &options(&server.url())).await;
    let body = response.unwrap().into_body().collect().await.unwrap();
    assert_eq!(body.to_bytes(), "ping");
    server.all_closed().await;
}
