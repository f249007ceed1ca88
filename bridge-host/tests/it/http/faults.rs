//! Failed exchanges, each with its own error.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bridge_host::http::{Client, HttpError, Settings};
use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use hyper::body::Frame;
use tokio::net::TcpListener;

use super::server;
use super::{client, exchange, options, post};
use crate::harness::ReservedAddress;

#[tokio::test]
async fn a_refused_connection_is_named() {
    let nobody = ReservedAddress::new();
    let result = exchange(&client(), &nobody.url("/")).await;
    assert_eq!(result, Err(HttpError::ConnectRefused(nobody.address)));
}

#[tokio::test]
async fn an_unknown_name_is_named() {
    let error = exchange(&client(), "http://nowhere.invalid/")
        .await
        .unwrap_err();
    assert!(
        matches!(&error, HttpError::Dns { host, .. } if host == "nowhere.invalid"),
        "{error}"
    );
}

#[tokio::test]
async fn a_handshake_ends_at_the_connect_timeout() {
    // The server accepts the connection, and sends nothing.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let mut options = options(&url);
    options.connect_timeout = Duration::from_millis(50);
    let error = post(&client(), &url, &options).await.err().unwrap();
    assert!(matches!(error, HttpError::ConnectTimeout { .. }), "{error}");
}

/// Returns the URL of a server that reads a request and never answers.
async fn silent() -> String {
    server::raw(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await
}

/// The deadline applies whatever the limits of the single parts are.
#[tokio::test]
async fn every_part_of_an_exchange_ends_at_the_deadline() {
    let url = silent().await;
    let (mut options, began) = (options(&url), Instant::now());
    options.deadline = Some(began + Duration::from_millis(100));
    let error = post(&client(), &url, &options).await.err().unwrap();
    assert!(
        matches!(error, HttpError::ResponseTimeout { .. }),
        "{error}"
    );
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_missing_response_ends_at_the_first_byte_timeout() {
    let url = silent().await;
    let mut options = options(&url);
    options.first_byte_timeout = Duration::from_millis(50);
    let error = post(&client(), &url, &options).await.err().unwrap();
    assert_eq!(error.to_string(), "no response from 127.0.0.1 within 50ms");
}

#[tokio::test]
async fn a_stalled_body_ends_at_the_between_bytes_timeout() {
    let url = server::raw(|mut stream| async move {
        server::write(
            &mut stream,
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
        )
        .await;
        std::future::pending::<()>().await;
    })
    .await;
    let mut options = options(&url);
    options.between_bytes_timeout = Some(Duration::from_millis(50));
    let response = post(&client(), &url, &options).await.unwrap();
    let error = response.into_body().collect().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the response of 127.0.0.1 stalled: nothing arrived for 50ms"
    );
}

#[tokio::test]
async fn a_connection_that_closes_early_is_an_error() {
    let url = server::raw(|stream| async move { drop(stream) }).await;
    let error = exchange(&client(), &url).await.unwrap_err();
    assert!(matches!(error, HttpError::Closed(_)), "{error}");

    let url = server::raw(|mut stream| async move {
        server::write(
            &mut stream,
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
        )
        .await;
    })
    .await;
    let error = exchange(&client(), &url).await.unwrap_err();
    assert!(matches!(error, HttpError::Closed(_)), "{error}");
}

#[tokio::test]
async fn a_server_that_does_not_speak_http_is_an_error() {
    let url = server::raw(|mut stream| async move {
        server::write(&mut stream, "220 mail.example ESMTP\r\n\r\n").await;
    })
    .await;
    let error = exchange(&client(), &url).await.unwrap_err();
    assert!(matches!(error, HttpError::Protocol(_)), "{error}");
}

/// A request body that fails after a part of it.
struct Failing(u8);

impl hyper::body::Body for Failing {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0 += 1;
        Poll::Ready(Some(match self.0 {
            1 => Ok(Frame::data("half".into())),
            _ => Err(std::io::Error::other("the disk is gone")),
        }))
    }
}

#[tokio::test]
async fn a_failing_request_body_is_an_error() {
    let server = server::echo(None).await;
    let client = Client::new(&Settings::default()).unwrap();
    let request = Request::post(server.url("/hook")).body(Failing(0)).unwrap();
    let result = client.send(request, &options(&server.url("/hook"))).await;
    let error = result.err().unwrap();
    assert!(matches!(&error, HttpError::Body(_)), "{error:?}");
}
