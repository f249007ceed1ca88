//! Requests that the intake refuses, and its answers to them.

use http::Method;

use bridge_host::admin::Phase;
use bridge_host::http::Secret;
use bridge_host::ingest::Settings;

use super::running::{Reply, Running};

#[track_caller]
fn check(reply: &Reply, status: u16, says: &str) {
    assert_eq!(reply.status, status, "{reply:?}");
    let json = reply.json();
    let error = json["error"].as_str().unwrap();
    assert!(error.contains(says), "{error}");
}

#[tokio::test]
async fn impossible_topics_and_ids_are_refused() {
    let bridge = Running::start().await;
    let post = async |path: &str| bridge.post(path).send("x").await;
    check(&post("/topics/").await, 400, "a topic cannot be empty");
    check(&post("/topics/a..b").await, 400, "has an empty word");
    check(&post("/topics/a.%3E").await, 400, "has a wildcard");
    check(&post("/topics/a%0Ab").await, 400, "control character");
    check(&post("/topics/a%FF").await, 400, "percent-encoded UTF-8");
    let long = format!("/topics/{}", "x".repeat(1025));
    check(&post(&long).await, 400, "at most 1024 bytes");
    let reply = bridge
        .post("/topics/t")
        .header("webhook-id", "a b")
        .send("x");
    check(&reply.await, 400, "webhook-id: a message id consists of");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_refused() {
    let bridge = Running::start().await;
    check(&bridge.post("/").send("").await, 404, "/topics/{topic}");
    check(
        &bridge.post("/topics").send("").await,
        404,
        "/topics/{topic}",
    );
    let get = bridge.request(Method::GET, "/topics/t").send("");
    check(&get.await, 405, "POST only");
    check(
        &bridge.post("/ledger").send("").await,
        405,
        "GET and HEAD only",
    );
}

#[tokio::test]
async fn messages_beyond_a_limit_are_refused() {
    let bridge = Running::start_with(Settings {
        max_body: 1000,
        ..Settings::default()
    })
    .await;
    assert_eq!(
        bridge.post("/topics/t").send(vec![0; 1000]).await.status,
        202
    );
    let announced = bridge.post("/topics/t").send(vec![0; 1001]).await;
    check(&announced, 413, "at most 1000 bytes");
    let chunked = bridge
        .post("/topics/t")
        .send_chunked(vec![vec![0; 600]; 2])
        .await;
    check(&chunked, 413, "at most 1000 bytes");
    let far_more = bridge.post("/topics/t").send(vec![0; 4 << 20]).await;
    check(&far_more, 413, "at most 1000 bytes");
}

#[tokio::test]
async fn requests_without_the_token_are_refused() {
    let bridge = Running::start_with(Settings {
        token: Some(Secret::new("open sesame")),
        ..Settings::default()
    })
    .await;
    let with = async |method: Method, path: &str, header: &str| {
        let request = bridge.request(method, path);
        request.header("authorization", header).send("").await
    };
    for wrong in [
        "",
        "Bearer",
        "Bearer open",
        "Basic open sesame",
        "open sesame",
    ] {
        let reply = with(Method::POST, "/topics/t", wrong).await;
        check(&reply, 401, "authorization: Bearer");
        assert_eq!(reply.headers["www-authenticate"], "Bearer");
    }
    let without = bridge.request(Method::GET, "/ledger").send("").await;
    check(&without, 401, "authorization: Bearer");
    let probe = bridge.request(Method::GET, "/healthz").send("").await;
    assert_eq!(probe.status, 200);
    // The reason why it is not ready needs the token.
    bridge.admin.set_phase(Phase::Draining);
    let probe = bridge.request(Method::GET, "/readyz").send("").await;
    assert_eq!(probe.status, 503);
    assert_eq!(probe.json(), serde_json::json!({ "status": "draining" }));
    let probe = with(Method::GET, "/readyz", "bearer open sesame").await;
    assert!(probe.json()["reason"].is_string());

    let right = "bearer open sesame";
    assert_eq!(with(Method::POST, "/topics/t", right).await.status, 202);
    assert_eq!(with(Method::GET, "/ledger", right).await.status, 200);
    // The token is not metadata.
    assert_eq!(bridge.next().await.message.metadata, []);
}

/// A browser lets every web page send requests to this machine.
#[tokio::test]
async fn web_pages_are_refused_without_a_token() {
    let bridge = Running::start().await;
    let with = async |path: &str, name: &str, value: &str| {
        bridge.post(path).header(name, value).send("x").await
    };
    for path in ["/topics/t", "/batch"] {
        for origin in ["https://shop.example", "http://localhost:3000", "null"] {
            check(&with(path, "origin", origin).await, 403, "`Origin`");
        }
        for host in ["rebound.example:8484", "192.0.2.1"] {
            check(&with(path, "host", host).await, 403, "`Host`");
        }
    }
    let get = async |path: &str| {
        let request = bridge.request(Method::GET, path);
        request.header("host", "rebound.example").send("").await
    };
    check(&get("/ledger").await, 403, "`Host`");
    assert_eq!(get("/healthz").await.status, 200);
    let local = with("/topics/t", "host", "localhost:8484").await;
    assert_eq!(local.status, 202, "{local:?}");
    assert_eq!(bridge.next().await.message.metadata, []);

    let token = Some(Secret::new("open-sesame"));
    let bridge = Running::start_with(Settings {
        token,
        ..Settings::default()
    })
    .await;
    let page = bridge
        .post("/topics/t")
        .header("authorization", "Bearer open-sesame")
        .header("origin", "https://shop.example")
        .header("host", "bridge.example");
    assert_eq!(page.send("x").await.status, 202);
}

#[tokio::test]
async fn more_metadata_entries_than_servers_take_are_refused() {
    let bridge = Running::start().await;
    let mut post = bridge.post("/topics/t");
    for n in 0..2_001 {
        post = post.header(&format!("key-{n}"), "x");
    }
    check(&post.send("x").await, 400, "at most 2000 entries");
}
