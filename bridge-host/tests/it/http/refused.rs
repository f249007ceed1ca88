//! Requests that a server did not process, as HTTP/2 can tell: the message is sent again without
//! spending an attempt.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use bridge_host::http::HttpError;
use h2::Reason;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::secure::{Authority, file};
use super::{options, post};
use crate::harness::{Bridge, Config};

/// How a server refuses a request.
#[derive(Clone, Copy, Debug)]
enum How {
    /// It resets the stream with REFUSED_STREAM.
    Stream,
    /// It goes away before it took a stream.
    GoAway,
    /// It resets the stream with a code that does not say whether the request was processed.
    Internal,
}

/// The frames SETTINGS and GOAWAY, the latter without a stream or an error.
const GOES_AWAY: [u8; 26] = [
    0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

/// Starts a server that refuses `count` requests, and then answers 204. Returns its port, and the
/// number of requests that it answered.
async fn refusing(authority: &Authority, how: How, count: usize) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = authority.acceptor.clone();
    let (seen, answered) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counter = answered.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            if matches!(how, How::GoAway) && seen.fetch_add(1, SeqCst) < count {
                tokio::spawn(async move {
                    // The request has arrived.
                    let _ = stream.read(&mut [0; 4096]).await;
                    let _ = stream.write_all(&GOES_AWAY).await;
                    let _ = stream.read_to_end(&mut Vec::new()).await;
                });
                continue;
            }
            let (seen, answered) = (seen.clone(), counter.clone());
            tokio::spawn(async move {
                let Ok(mut connection) = h2::server::handshake(stream).await else {
                    return;
                };
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    if seen.fetch_add(1, SeqCst) >= count {
                        answered.fetch_add(1, SeqCst);
                        let response = http::Response::builder().status(204).body(()).unwrap();
                        respond.send_response(response, true).unwrap();
                        continue;
                    }
                    respond.send_reset(match how {
                        How::Stream | How::GoAway => Reason::REFUSED_STREAM,
                        How::Internal => Reason::INTERNAL_ERROR,
                    });
                }
            });
        }
    });
    (port, answered)
}

#[tokio::test]
async fn a_refused_stream_is_told_from_one_that_failed() {
    for (how, refused) in [
        (How::Stream, true),
        (How::GoAway, true),
        (How::Internal, false),
    ] {
        let authority = Authority::new("localhost", &["h2"]);
        let (port, _) = refusing(&authority, how, 1).await;
        let client = authority.client(&format!("refused-{how:?}"));
        let url = format!("https://localhost:{port}/");
        let error = post(&client, &url, &options(&url)).await.err();
        let is = matches!(error, Some(HttpError::NotProcessed { .. }));
        // A server may go away before the request is written. The request is then sent on another
        // connection.
        let resent = matches!((how, &error), (How::GoAway, None));
        assert_eq!(is || resent, refused, "{how:?}: {error:?}");
        drop(
            post(&client, &url, &options(&url))
                .await
                .expect("a response"),
        );
    }
}

/// Starts a bridge that trusts this authority. Its messages have one attempt.
async fn bridge(ca: &Path, port: u16) -> Bridge {
    let trusted = format!("http.ca_file = {:?}", ca.display().to_string());
    let all = Config::subscription("all", ">").to(&format!("https://localhost:{port}/"));
    Bridge::start_with(&trusted, &all.attempts(1)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_stream_costs_no_attempt() {
    let authority = Authority::new("localhost", &["h2"]);
    let (port, answered) = refusing(&authority, How::Stream, 3).await;
    let ca = file("refused-ca", &authority.pem);
    let bridge = bridge(&ca, port).await;
    for _ in 0..5 {
        bridge.accept("orders", &[], "data").await;
    }
    let ledger = bridge
        .ledger_when("all", |ledger| ledger.pending == 0)
        .await;
    assert_eq!(
        (ledger.delivered, ledger.dead_lettered),
        (5, 0),
        "{ledger:?}"
    );
    assert_eq!(answered.load(SeqCst), 5, "each was processed once");
    std::fs::remove_file(ca).unwrap();
}

/// The repetitions are limited.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_every_stream_has_failed() {
    let authority = Authority::new("localhost", &["h2"]);
    let (port, _) = refusing(&authority, How::Stream, usize::MAX).await;
    let ca = file("refused-end-ca", &authority.pem);
    let bridge = bridge(&ca, port).await;
    let id = bridge.accept("orders", &[], "data").await;
    let letter = bridge.dead_letter(&id).await;
    assert!(
        letter.reason.contains("refused the request"),
        "{}",
        letter.reason
    );
    assert_eq!(letter.attempts, 1);
    std::fs::remove_file(ca).unwrap();
}
