//! Requests of operators, on the intake and on the listener for operators.

use std::net::SocketAddr;
use std::time::Instant;

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::harness::{
    Answer, Bridge, Config, Endpoint, PATIENCE, Reply, ReservedAddress, request, until,
};

/// Starts a bridge with this listener for operators, and an endpoint.
async fn bridge(admin: &str) -> (Bridge, Endpoint) {
    let endpoint = Endpoint::start(|_, _| Reply::status(204)).await;
    let admin = format!("[admin]\n{admin}");
    let bridge = Bridge::start_with(&admin, &Config::all(&endpoint)).await;
    (bridge, endpoint)
}

async fn get(at: SocketAddr, path: &str) -> Answer {
    request(at, "GET", path, &[], "").await.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_have_a_listener_of_their_own() {
    let reserved = ReservedAddress::new();
    let at = reserved.address;
    let (bridge, _) = bridge(&format!("address = \"{at}\"")).await;
    for at in [at, bridge.intake] {
        assert_eq!(get(at, "/healthz").await.json()["status"], "ok");
        assert_eq!(get(at, "/readyz").await.json()["status"], "ready");
        let ledger = get(at, "/ledger").await.json();
        assert_eq!(ledger["subscriptions"][0]["name"], "all", "{ledger}");
    }
    let post = request(at, "POST", "/healthz", &[], "").await.unwrap();
    assert_eq!(
        (post.status, &post.headers["allow"]),
        (405, &"GET, HEAD".parse().unwrap())
    );
    // This listener does not publish, and refuses web pages.
    let post = request(at, "POST", "/topics/t", &[], "x").await.unwrap();
    assert_eq!(post.status, 404, "{post:?}");
    let page = [("origin", "https://shop.example")];
    let page = request(at, "GET", "/ledger", &page, "").await.unwrap();
    assert_eq!(page.status, 403, "{page:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_token_is_not_the_publishers() {
    let reserved = ReservedAddress::new();
    let at = reserved.address;
    let (_bridge, _) = bridge(&format!("address = \"{at}\"\ntoken = \"sesame\"")).await;
    assert_eq!(get(at, "/healthz").await.status, 200);
    assert_eq!(get(at, "/readyz").await.status, 200);
    let refused = get(at, "/ledger").await;
    assert_eq!(
        (refused.status, &refused.headers["www-authenticate"]),
        (401, &"Bearer".parse().unwrap())
    );
    let token = [("authorization", "Bearer sesame")];
    let ledger = request(at, "GET", "/ledger", &token, "").await.unwrap();
    assert_eq!(ledger.status, 200, "{ledger:?}");
}

/// More connections than the intake accepts: first silent ones, then ones with an unfinished
/// request.
#[tokio::test(flavor = "multi_thread")]
async fn health_is_answered_whatever_publishers_do() {
    let (soft, hard) = (
        getrlimit(Resource::Nofile),
        getrlimit(Resource::Nofile).maximum,
    );
    let raised = rustix::process::Rlimit {
        current: hard,
        ..soft
    };
    setrlimit(Resource::Nofile, raised).expect("a limit may be raised to the hard one");
    let reserved = ReservedAddress::new();
    let at = reserved.address;
    let (bridge, endpoint) = bridge(&format!("address = \"{at}\"")).await;
    let mut silent = Vec::new();
    for _ in 0..1_100 {
        silent.push(
            TcpStream::connect(bridge.intake)
                .await
                .expect("a connection"),
        );
    }
    for at in [at, bridge.intake] {
        assert_eq!(get(at, "/healthz").await.status, 200);
        assert_eq!(get(at, "/ledger").await.status, 200);
    }
    bridge.accept("orders.new", &[], "beside silent ones").await;
    endpoint.wait_for(1).await;

    // Stalled bodies are cut off. On a slow machine this may happen before the last of them
    // has begun, so they begin again.
    let began = Instant::now();
    let (slow, busy) = loop {
        assert!(began.elapsed() < PATIENCE, "publishing is never refused");
        let slow = slow_publishers(bridge.intake).await;
        let answer = bridge.publish("orders.new", &[], "beside slow ones").await;
        if answer.status == 503 {
            break (slow, answer);
        }
    };
    assert!(
        busy.json()["error"].as_str().unwrap().contains("busy"),
        "{busy:?}"
    );
    assert_eq!(busy.headers["retry-after"], "1");
    for at in [at, bridge.intake] {
        assert_eq!(get(at, "/healthz").await.status, 200);
        assert_eq!(get(at, "/readyz").await.status, 200);
        assert_eq!(get(at, "/ledger").await.status, 200);
    }
    drop(slow);
    until("room", || async {
        let answer = bridge.publish("orders.new", &[], "after them").await;
        (answer.status == 202).then_some(())
    })
    .await;
}

/// Opens more connections than the intake accepts, each with a request whose body stalls.
async fn slow_publishers(intake: SocketAddr) -> Vec<TcpStream> {
    let mut slow = Vec::new();
    for _ in 0..1_100 {
        let mut stream = TcpStream::connect(intake).await.expect("a connection");
        let head = "POST /topics/t HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\n";
        // A connection beyond the limit is refused with 503 and closed.
        let _ = stream.write_all(head.as_bytes()).await;
        slow.push(stream);
    }
    slow
}

/// Unfinished heads of nearly the largest size.
#[tokio::test(flavor = "multi_thread")]
async fn unfinished_heads_are_bounded_together() {
    let (bridge, endpoint) = bridge("address = \"127.0.0.1:0\"").await;
    let before = bridge.memory();
    let head = format!("POST /topics/t HTTP/1.1\r\nx: {}", "x".repeat(900 << 10));
    let mut open = Vec::new();
    for _ in 0..300 {
        let mut stream = TcpStream::connect(bridge.intake)
            .await
            .expect("a connection");
        // The oldest connections are cut off while they send.
        let _ = stream.write_all(head.as_bytes()).await;
        open.push(stream);
    }
    let grown = bridge.memory().saturating_sub(before) >> 20;
    assert!(grown < 200, "300 heads of 900 KiB hold {grown} MiB");
    bridge
        .accept(
            "orders.new",
            &[("x-large", &"x".repeat(200 << 10))],
            "beside them",
        )
        .await;
    endpoint.wait_for(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_no_subscription_takes_are_counted_or_refused() {
    let endpoint = Endpoint::accepting().await;
    let subscription = Config::subscription("all", "orders.>").to(&endpoint.url("/"));
    let bridge = Bridge::start(&subscription).await;
    for topic in ["orders.new", "order.new", "order.new", "other"] {
        bridge.accept(topic, &[], "x").await;
    }
    assert_eq!(get(bridge.intake, "/ledger").await.json()["unrouted"], 3);
    let log = bridge.log();
    let warnings = log
        .iter()
        .filter(|line| line.contains("no subscription matches"));
    let warnings: Vec<_> = warnings.collect();
    let named = |topic: &str| {
        let topic = format!("{topic:?}");
        let naming = warnings.iter().filter(|line| line.contains(&topic));
        naming.count()
    };
    assert_eq!(["orders.new", "order.new", "other"].map(named), [0, 1, 1]);

    let bridge = Bridge::start_unrouted("refuse", &subscription).await;
    bridge.accept("orders.new", &[], "x").await;
    let refused = bridge.publish("order.new", &[], "x").await;
    assert_eq!(refused.status, 422, "{refused:?}");
    let lines =
        "{\"topic\":\"order.new\",\"data\":\"x\"}\n{\"topic\":\"orders.a\",\"data\":\"x\"}\n";
    let batch = request(bridge.intake, "POST", "/batch", &[], lines)
        .await
        .expect("an answer");
    let text = String::from_utf8_lossy(&batch.body);
    assert!(text.contains("422") && text.lines().count() == 2, "{text}");
    assert_eq!(get(bridge.intake, "/ledger").await.json()["unrouted"], 2);
}
