//! The HTTP intake in front of the real embedded broker: which messages it accepts, what it
//! answers, and that accepted messages are in the broker.

mod batch;
mod command;
mod refusals;
pub mod running;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::json;

use bridge_host::admin::Phase;
use bridge_host::message::Message;

use running::Running;

#[tokio::test]
async fn a_message_is_taken_whole() {
    let bridge = Running::start().await;
    let reply = bridge
        .post("/topics/orders.new")
        .header("content-type", "application/json")
        .header("x-tenant", "a")
        .header("authorization", "Bearer of something else")
        .header("user-agent", "test")
        .send("{\"n\": 1}")
        .await;
    assert_eq!(reply.status, StatusCode::ACCEPTED);
    assert_eq!(reply.json()["duplicate"], false);

    let incoming = bridge.next().await;
    let mut expected = Message::new("orders.new", "{\"n\": 1}");
    expected.content_type = Some("application/json".into());
    expected.add_metadata("x-tenant", "a");
    assert_eq!(*incoming.message, expected);
    assert_eq!(reply.json()["id"], incoming.id.as_str());
}

#[tokio::test]
async fn topics_have_slashes_spaces_and_any_script() {
    let bridge = Running::start().await;
    for (path, topic) in [
        ("/topics/a/b/c", "a/b/c"),
        ("/topics/a%20b%2Fc", "a b/c"),
        ("/topics/gr%C3%BC%C3%9Fe.%E6%97%A5", "grüße.日"),
        ("/topics/a%3Fb?ignored=1", "a?b"),
    ] {
        let reply = bridge.post(path).send("x").await;
        assert_eq!(reply.status, StatusCode::ACCEPTED, "{path}: {reply:?}");
        assert_eq!(bridge.next().await.message.topic, topic);
    }
}

#[tokio::test]
async fn the_same_id_is_taken_once() {
    let bridge = Running::start().await;
    let first = bridge
        .post("/topics/t")
        .header("webhook-id", "evt_1")
        .send("1")
        .await;
    let again = bridge
        .post("/topics/t")
        .header("idempotency-key", "evt_1")
        .send("1")
        .await;
    let other = bridge
        .post("/topics/t")
        .header("idempotency-key", "evt_2")
        .send("2")
        .await;
    assert_eq!(first.json(), json!({ "id": "evt_1", "duplicate": false }));
    assert_eq!(again.json(), json!({ "id": "evt_1", "duplicate": true }));
    assert_eq!(other.json(), json!({ "id": "evt_2", "duplicate": false }));
    assert_eq!(bridge.next().await.id.as_str(), "evt_1");
    assert_eq!(bridge.next().await.id.as_str(), "evt_2");
}

/// A request of the raw envelope is read back as the same message.
#[tokio::test]
async fn what_the_raw_envelope_sends_is_taken_back() {
    let bridge = Running::start().await;
    let settings = mapping::Settings::from_pairs([("to.url", "http://h")]).unwrap();
    let mut metadata: Vec<_> = (0..1_000)
        .map(|n| (format!("Key-{n}"), n.to_string()))
        .collect();
    metadata.push(("host".into(), "not the connection's".into()));
    metadata.push(("with\nnewline and \0".into(), "ü\r\n\0 ".into()));
    let sent = mapping::Message {
        topic: "a topic/with slashes.ü".into(),
        content_type: Some("image/png".into()),
        metadata,
        data: vec![0, 255, 10],
    };
    let request = mapping::encode(&settings, sent.clone());
    let mut post = bridge.post("/topics/a%20topic/with%20slashes.%C3%BC");
    for (name, value) in &request.headers {
        post = post.header(name, value);
    }
    let reply = post.send(request.body).await;
    assert_eq!(reply.status, StatusCode::ACCEPTED, "{reply:?}");
    let taken = bridge.next().await.message;
    assert_eq!(taken.topic, sent.topic);
    assert_eq!(taken.content_type, sent.content_type);
    assert_eq!(taken.metadata, sent.metadata);
    assert_eq!(taken.data, sent.data);
}

#[tokio::test]
async fn empty_and_large_bodies_arrive_whole() {
    let bridge = Running::start().await;
    let large = Bytes::from(vec![7; 16 << 20]);
    for data in [Bytes::new(), large] {
        let reply = bridge.post("/topics/t").send(data.clone()).await;
        assert_eq!(reply.status, StatusCode::ACCEPTED, "{reply:?}");
        assert!(bridge.next().await.message.data == data);
    }
    // Chunked, without a content-length.
    let reply = bridge
        .post("/topics/t")
        .send_chunked(vec![vec![1; 300_000]; 5])
        .await;
    assert_eq!(reply.status, StatusCode::ACCEPTED, "{reply:?}");
    assert_eq!(bridge.next().await.message.data.len(), 1_500_000);
}

#[tokio::test]
async fn operators_are_answered() {
    let bridge = Running::start().await;
    let get = async |path: &str| bridge.request(Method::GET, path).send("").await;
    assert_eq!(get("/healthz").await.status, StatusCode::OK);
    assert_eq!(get("/readyz").await.status, StatusCode::OK);
    bridge.admin.set_phase(Phase::Draining);
    assert_eq!(get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(get("/ledger").await.json(), json!({ "books": "balanced" }));
}

#[tokio::test]
async fn a_stop_lets_what_is_under_way_finish() {
    let bridge = Running::start().await;
    let (body, more) = running::channel();
    let post = bridge.post("/topics/t").send_body(body);
    more.send("first, ".into()).await.unwrap();
    let post = tokio::spawn(post);
    // The channel is read, so the request is in progress.
    more.reserve().await.unwrap();
    bridge.request(Method::GET, "/healthz").send("").await;
    let stopped = tokio::spawn(bridge.stop());
    more.send("then the rest".into()).await.unwrap();
    drop(more);
    assert_eq!(post.await.unwrap().status, StatusCode::ACCEPTED);
    stopped.await.unwrap();
}
