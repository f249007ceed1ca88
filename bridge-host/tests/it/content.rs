//! Every part of a message arrives unchanged, or the message is refused with a
//! reason.

use std::path::Path;

use serde_json::Value;

use crate::harness::{Bridge, Config, Endpoint, Received, request};

async fn bridge(envelope: &str) -> (Bridge, Endpoint) {
    let endpoint = Endpoint::accepting().await;
    let url = endpoint.url("/");
    let to = format!("to = {{ url = {url:?}, envelope = {envelope:?} }}");
    let config = Config::subscription("all", ">").lines(&to);
    (Bridge::start(&config).await, endpoint)
}

/// Decodes a request as a receiver does.
fn decode(envelope: &str, received: &Received) -> mapping::Message {
    let envelope = match envelope {
        "raw" => mapping::Envelope::Raw,
        _ => mapping::Envelope::Json,
    };
    let headers = received.headers.iter();
    let headers = headers.map(|(name, value)| (name.as_str(), value.as_bytes()));
    mapping::decode(envelope, headers, &received.body).expect("a message")
}

#[tokio::test(flavor = "multi_thread")]
async fn data_of_any_size_arrives_whole() {
    let big: Vec<u8> = (0..16u32 << 20)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes())
        .collect();
    for envelope in ["raw", "json"] {
        let (bridge, endpoint) = bridge(envelope).await;
        for data in [Vec::new(), vec![0], b"text".to_vec(), big.clone()] {
            let before = endpoint.received().len();
            bridge.accept("load", &[], data.clone()).await;
            let received = endpoint.wait_for(before + 1).await.remove(before);
            let arrived = decode(envelope, &received).data;
            let (sent, came) = (data.len(), arrived.len());
            assert!(
                arrived == data,
                "{sent} bytes under {envelope}, {came} arrived"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn data_beyond_the_limit_is_refused() {
    let (bridge, _) = bridge("raw").await;
    let answer = bridge.publish("load", &[], vec![0; (64 << 20) + 1]).await;
    assert_eq!(answer.status, 413);
    assert!(
        answer.json()["error"]
            .as_str()
            .expect("a text")
            .contains("max_message_size")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_of_any_kind_arrives_whole() {
    let (bridge, endpoint) = bridge("raw").await;
    let mut metadata = serde_json::Map::new();
    for (key, value) in [
        ("plain", "value"),
        ("new\nline", "a\r\nb"),
        ("nul\0", "\0"),
        ("größe", "naïve ✓"),
        ("Host", "x"),
        ("empty", ""),
    ] {
        metadata.insert(key.into(), value.into());
    }
    for n in 0..1000 {
        metadata.insert(format!("key-{n}"), format!("value {n}").into());
    }
    let line = serde_json::json!({"topic": "odd/topic with spaces.ü", "id": "m1", "data": "x", "metadata": metadata});
    let answer = request(bridge.intake, "POST", "/batch", &[], line.to_string())
        .await
        .expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");
    let received = endpoint.wait_for(1).await.remove(0);
    let decoded = decode("raw", &received);
    assert_eq!(decoded.topic, "odd/topic with spaces.ü");
    let arrived: std::collections::HashMap<_, _> = decoded.metadata.into_iter().collect();
    for (key, value) in &metadata {
        assert_eq!(
            arrived.get(key).map(String::as_str),
            value.as_str(),
            "{key:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_topics_are_refused_at_publish() {
    let (bridge, _) = bridge("raw").await;
    for topic in ["a..b", "a.%0A", "orders.*", "%00"] {
        let answer = bridge.publish(topic, &[], "x").await;
        assert_eq!(answer.status, 400, "{topic}: {answer:?}");
        assert!(answer.json()["error"].is_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn real_events_arrive_byte_for_byte() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/fixtures/github.ndjson");
    let events = std::fs::read_to_string(&file).unwrap_or_else(|e| {
        panic!(
            "{}: {e}: run the tests with `cargo xtask test`, which fetches it",
            file.display()
        )
    });
    let lines: Vec<&str> = events.lines().collect();
    assert_eq!(lines.len(), 329);
    for envelope in ["raw", "json"] {
        let (bridge, endpoint) = bridge(envelope).await;
        let path = file.display().to_string();
        let to = format!("http://{}", bridge.intake);
        bridge.command(&["publish", "--ndjson", &path, "--to", &to]);
        let received = endpoint.wait_for(lines.len()).await;
        for line in &lines {
            let event: std::collections::BTreeMap<String, Box<serde_json::value::RawValue>> =
                serde_json::from_str(line).expect("a line");
            let id: Value = serde_json::from_str(event["id"].get()).expect("an id");
            let one = received
                .iter()
                .find(|one| one.id() == id.as_str().expect("text"));
            let one = one.unwrap_or_else(|| panic!("{id} did not arrive"));
            assert_eq!(
                decode(envelope, one).data,
                event["data"].get().as_bytes(),
                "{id} under {envelope}"
            );
        }
        let ledger = bridge
            .ledger_when("all", |ledger| ledger.delivered == 329)
            .await;
        assert!(ledger.balances(), "{ledger:?}");
    }
}
