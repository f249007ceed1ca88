//! Redis Streams while other programs interfere: deleted groups, deleted or trimmed streams,
//! entries of other programs, and members that come and go.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bridge_host::broker::{Broker, BrokerError, Settlement, Start, SubscribeSpec};
use bridge_host::message::{Message, MessageId};
use redis::Value;

use super::Server;
use super::hosts::{bridge, config};
use super::redis::{RedisStreams, open, settings};
use super::support::{GROUP, ack, next, publish, settle, spec, subscribe, text, texts, within};
use crate::harness::{Bridge, Endpoint, PATIENCE, RedisServer, Reply, until};

const QUIET: Duration = Duration::from_millis(300);

async fn broker(server: &RedisStreams) -> Arc<dyn Broker> {
    server.connect().await
}

/// Returns the names in a reply of XINFO.
fn names(reply: &Value) -> Vec<String> {
    let Value::Array(items) = reply else {
        return Vec::new();
    };
    let of = |item: &Value| match item {
        Value::Array(pairs) => match &pairs[1] {
            Value::BulkString(name) => String::from_utf8_lossy(name).into_owned(),
            other => format!("{other:?}"),
        },
        other => format!("{other:?}"),
    };
    items.iter().map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_group_continues_at_its_position() {
    let server = RedisStreams::start().await;
    let broker = broker(&server).await;
    let mut subscription = subscribe(&broker, &["t"]).await;
    publish(&broker, "t", "before").await;
    ack(next(&mut subscription).await).await;
    server.0.run(&["XGROUP", "DESTROY", "bridge", GROUP]).await;
    publish(&broker, "t", "after").await;
    // Messages of the last seconds may be redelivered.
    while ack(next(&mut subscription).await).await != "after" {}
    assert_eq!(broker.trouble(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_stream_is_created_again() {
    let server = RedisStreams::start().await;
    let broker = broker(&server).await;
    let mut subscription = subscribe(&broker, &["t"]).await;
    publish(&broker, "t", "before").await;
    ack(next(&mut subscription).await).await;
    server.0.run(&["DEL", "bridge"]).await;
    publish(&broker, "t", "after").await;
    assert_eq!(ack(next(&mut subscription).await).await, "after");
    until("no trouble", async || {
        broker.trouble().is_none().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trimmed_retries_are_logged() {
    let server = RedisStreams::start().await;
    let endpoint = Endpoint::start(|_, _| Reply::status(503)).await;
    let slowly = "retry = { initial_delay = \"500ms\", max_delay = \"500ms\" }";
    let bridge = bridge(&server, &endpoint, slowly).await;
    bridge.accept("orders.new", &[], "x").await;
    endpoint.wait_for(1).await;
    server.0.run(&["XTRIM", "bridge", "MAXLEN", "0"]).await;
    until("the warning", async || {
        let log = bridge.log().join("\n");
        log.contains("removed from the stream before they were delivered")
            .then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_host_takes_over_a_retry_with_its_attempts() {
    let server = RedisStreams::start().await;
    let first = broker(&server).await;
    let mut subscription = subscribe(&first, &["t"]).await;
    publish(&first, "t", "x").await;
    for attempt in 1..=2 {
        let incoming = next(&mut subscription).await;
        assert_eq!(incoming.attempt, attempt);
        let wait = Duration::from_millis(20);
        settle(incoming.receipt, Settlement::Retry(wait)).await;
    }
    drop(subscription);
    first.close().await;
    drop(first);
    let second = broker(&server).await;
    let mut subscription = subscribe(&second, &["t"]).await;
    let incoming = next(&mut subscription).await;
    assert_eq!((incoming.attempt, text(&incoming)), (3, "x".into()));
    assert!(incoming.tried_for.is_some());
    assert_eq!(second.pending(GROUP).await, Some(1));
    ack(incoming).await;
    assert_eq!(second.pending(GROUP).await, Some(0));
    let left = server.0.run(&["KEYS", "bridge:*"]).await;
    assert_eq!(left, Value::Array(Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn abandoned_messages_are_claimed_beside_retries_that_are_always_due() {
    let server = RedisStreams::start().await;
    let broker = broker(&server).await;
    for _ in 0..5 {
        publish(&broker, "t", "good").await;
    }
    let group = ["XGROUP", "CREATE", "bridge", GROUP, "0"];
    server.0.run(&group).await;
    let read = [
        "XREADGROUP",
        "GROUP",
        GROUP,
        "ghost",
        "COUNT",
        "5",
        "STREAMS",
        "bridge",
        ">",
    ];
    server.0.run(&read).await;
    for _ in 0..50 {
        publish(&broker, "t", "bad").await;
    }
    let mut subscription = subscribe(&broker, &["t"]).await;
    let mut good = 0;
    let began = Instant::now();
    while good < 5 {
        assert!(began.elapsed() < PATIENCE, "{good} good ones");
        let incoming = next(&mut subscription).await;
        match text(&incoming).as_str() {
            "good" => {
                ack(incoming).await;
                good += 1;
            }
            _ => {
                settle(
                    incoming.receipt,
                    Settlement::Retry(Duration::from_millis(1)),
                )
                .await
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_leaves_removes_its_consumer() {
    let server = RedisStreams::start().await;
    let broker = broker(&server).await;
    let mut subscription = subscribe(&broker, &["t"]).await;
    publish(&broker, "t", "x").await;
    ack(next(&mut subscription).await).await;
    let consumers =
        || async { names(&server.0.run(&["XINFO", "CONSUMERS", "bridge", GROUP]).await) };
    let before = consumers().await;
    assert!(
        before.len() == 1 && before[0].starts_with("bridge-"),
        "{before:?}"
    );
    drop(subscription);
    broker.close().await;
    assert!(consumers().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_other_programs_arrive() {
    let server = RedisStreams::start().await;
    let broker = broker(&server).await;
    let mut subscription = subscribe(&broker, &["orders.>", "bridge"]).await;
    let add = [
        "XADD",
        "bridge",
        "*",
        "topic",
        "orders.new",
        "x-tag",
        "a",
        "x-tag",
        "b",
    ];
    server.0.run(&[&add[..], &["data", "hello"]].concat()).await;
    let incoming = next(&mut subscription).await;
    let metadata =
        [("x-tag", "a"), ("x-tag#2", "b")].map(|(key, value)| (key.into(), value.into()));
    assert_eq!(incoming.message.metadata, metadata);
    assert!(
        incoming.id.as_str().starts_with("bridge-"),
        "{}",
        incoming.id
    );
    assert_eq!(ack(incoming).await, "hello");
    server
        .0
        .run(&["XADD", "bridge", "*", "amount", "250"])
        .await;
    let incoming = next(&mut subscription).await;
    assert_eq!(incoming.message.topic, "bridge");
    assert_eq!(
        incoming.message.content_type.as_deref(),
        Some("application/json")
    );
    assert_eq!(ack(incoming).await, r#"{"amount":"250"}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_starts_at_its_configured_position() {
    let server = RedisStreams::start().await;
    let broker = broker(&server).await;
    for (topic, data) in [("t.a", "1"), ("t.a", "2"), ("u", "3")] {
        publish(&broker, topic, data).await;
    }
    let starting = |start: Start| SubscribeSpec {
        start,
        name: format!("{start:?}"),
        ..spec(&["t.*"])
    };
    for (start, expected) in [
        (Start::All, &["1", "2"][..]),
        (Start::Last, &["2"]),
        (Start::New, &[]),
    ] {
        let mut subscription = broker
            .subscribe(starting(start))
            .await
            .expect("a subscription");
        assert_eq!(texts(&mut subscription, expected.len()).await, expected);
        assert!(within(&mut subscription, QUIET).await.is_none());
    }
    let refused = broker.subscribe(starting(Start::LastPerTopic)).await.err();
    assert!(
        matches!(refused, Some(BrokerError::Refused(_))),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_is_trimmed_to_its_length() {
    let server = RedisServer::start().await;
    let mut settings = settings(server.url());
    settings.max_length = Some(10);
    let broker = open(&settings).await;
    for n in 0..300 {
        publish(&broker, "t", &n.to_string()).await;
    }
    let Value::Int(length) = server.run(&["XLEN", "bridge"]).await else {
        panic!("a number");
    };
    // Redis removes whole nodes of 100 entries.
    assert!((10..=110).contains(&length), "{length}");
    let letters = broker.dead_letter_topics().expect("it keeps letters");
    let refused = letters.keep_topic("dead").await.err();
    assert!(
        matches!(refused, Some(BrokerError::Refused(_))),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn with_order_two_hosts_take_turns() {
    let server = RedisStreams::start().await;
    let ordered = || SubscribeSpec {
        ordered: true,
        in_flight: 1,
        ..spec(&["t"])
    };
    let (one, two) = (broker(&server).await, broker(&server).await);
    let mut first = one.subscribe(ordered()).await.expect("a subscription");
    let mut second = two.subscribe(ordered()).await.expect("a subscription");
    for n in 0..3 {
        publish(&one, "t", &n.to_string()).await;
    }
    let mut order = Vec::new();
    while order.len() < 3 {
        let incoming = tokio::select! {
            incoming = first.next() => incoming,
            incoming = second.next() => incoming,
        };
        let incoming = incoming.expect("a message");
        // Neither host receives another message meanwhile.
        assert!(within(&mut first, QUIET).await.is_none());
        assert!(within(&mut second, QUIET).await.is_none());
        match incoming.attempt {
            1 => settle(incoming.receipt, Settlement::Retry(QUIET)).await,
            _ => order.push(ack(incoming).await),
        }
    }
    assert_eq!(order, ["0", "1", "2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_message_reaches_one_group_only() {
    let server = RedisStreams::start().await;
    let broker = broker(&server).await;
    let mut ours = subscribe(&broker, &["t"]).await;
    let other = SubscribeSpec {
        name: "other".into(),
        ..spec(&["t"])
    };
    let mut other = broker.subscribe(other).await.expect("a subscription");
    let [id, once] = ["m-1", "letter-7"].map(|id| MessageId::parse(id).expect("an id"));
    let republish = broker.republish().expect("it takes letters back");
    for _ in 0..2 {
        let message = Message::new("t", "x");
        let sent = republish.republish(message, &id, GROUP, &once).await;
        sent.expect("it is published");
    }
    let incoming = next(&mut ours).await;
    assert_eq!(incoming.id, id);
    ack(incoming).await;
    assert!(within(&mut ours, QUIET).await.is_none(), "it came once");
    assert!(within(&mut other, QUIET).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_on_a_topic_are_listed_and_replayed() {
    let server = RedisStreams::start().await;
    let status = Arc::new(std::sync::atomic::AtomicU16::new(400));
    let answers = status.clone();
    let endpoint = Endpoint::start(move |_, _| {
        Reply::status(answers.load(std::sync::atomic::Ordering::Relaxed))
    })
    .await;
    let more = "dead_letters = { connection = \"events\", topic = \"dead.orders\" }";
    let config = config(&server, &endpoint, more);
    let bridge = Bridge::start_into("events", &config).await;
    let id = bridge.accept("orders.new", &[], "x").await;
    let list = ["dead-letters", "list", "--json", "--connection", "events"];
    let letters = until("the letter", async || {
        let letters: Vec<crate::harness::Letter> =
            serde_json::from_str(&bridge.command(&list)).expect("a list");
        (!letters.is_empty()).then_some(letters)
    })
    .await;
    status.store(204, std::sync::atomic::Ordering::Relaxed);
    let number = letters[0].letter.to_string();
    bridge.command(&["dead-letters", "replay", &number, "--connection", "events"]);
    endpoint.wait_for(2).await;
    assert_eq!(endpoint.received()[1].id(), id);
    until("the list", async || {
        let letters: Vec<crate::harness::Letter> =
            serde_json::from_str(&bridge.command(&list)).expect("a list");
        letters.is_empty().then_some(())
    })
    .await;
}

/// Uses the config and the command in docs/guides/running-on-redis.md.
#[tokio::test(flavor = "multi_thread")]
async fn the_config_in_the_guide_delivers() {
    let docs = include_str!("../../../../docs/guides/running-on-redis.md");
    let block = docs.split("```toml\n").nth(1).expect("a config");
    let config = block.split("```").next().expect("its end");
    assert!(docs.contains("XADD orders '*' topic orders.new data '{\"amount\": 250}'"));
    let server = RedisServer::start().await;
    let endpoint = Endpoint::accepting().await;
    let config = config
        .replace("redis://127.0.0.1:6379", &server.url())
        .replace("http://127.0.0.1:9000/hooks", &endpoint.url("/hooks"));
    let bridge = Bridge::start_into("events", &config).await;
    let data = "{\"amount\": 250}";
    server
        .run(&["XADD", "orders", "*", "topic", "orders.new", "data", data])
        .await;
    let received = endpoint.wait_for(1).await;
    assert_eq!(&received[0].body[..], data.as_bytes());
    bridge
        .ledger_when("orders", |it| (it.delivered, it.pending) == (1, 0))
        .await;
}
