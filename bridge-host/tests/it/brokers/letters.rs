//! Dead letters on a topic of JetStream. After a crash between keeping a dead letter and settling
//! its message, there is one dead letter.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use bridge_host::broker::{
    DeadLetter, DeadLetterStore, DeadLetterTopic, FailedDelivery, join_local_group,
};
use bridge_host::message::{Message, MessageId};
use bridge_host::store::{Settings, Store};

use super::Server;
use super::hosts::config;
use super::jetstream::JetStreamServer;
use super::streams::client;
use super::support::{GROUP, ack, next, subscribe};
use crate::harness::{Bridge, Endpoint, Letter, NatsServer, Reply, until};

const TO: &str = "dead_letters = { connection = \"events\", topic = \"dead.orders\" }\n";

/// Lists the dead letters on the topic.
fn letters(bridge: &Bridge) -> Vec<Letter> {
    let list = ["dead-letters", "list", "--connection", "events", "--json"];
    serde_json::from_str(&bridge.command(&list)).expect("a list")
}

async fn letter(bridge: &Bridge, id: &str) -> Letter {
    until("the letter", async || {
        letters(bridge).into_iter().find(|letter| letter.id == id)
    })
    .await
}

/// An endpoint with a changeable status.
async fn endpoint(status: u16) -> (Endpoint, Arc<AtomicU16>) {
    let status = Arc::new(AtomicU16::new(status));
    let answer = status.clone();
    let endpoint = Endpoint::start(move |_, _| Reply::status(answer.load(Relaxed))).await;
    (endpoint, status)
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_on_a_topic_are_shown_replayed_and_dropped() {
    let server = JetStreamServer::start().await;
    let (endpoint, status) = endpoint(400).await;
    let others = Endpoint::accepting().await;
    let more = format!(
        "{TO}[[subscriptions]]\nname = \"audit\"\nfrom = \"events\"\ntopics = [\"orders.>\"]\nto = {:?}\n",
        others.url("/")
    );
    let bridge = Bridge::start_into("events", &config(&server, &endpoint, &more)).await;
    let headers = [("content-type", "text/plain"), ("x-tenant", "acme")];
    let id = bridge.accept("orders.new", &headers, "the data").await;
    let first = letter(&bridge, &id).await;
    assert_eq!(
        (first.subscription.as_str(), first.topic.as_str()),
        ("orders", "orders.new")
    );
    assert_eq!((first.status, first.attempts), (Some(400), 1));
    assert_eq!(bridge.dead_letters().len(), 0, "in the local store");
    let list = bridge.command(&["dead-letters", "list"]);
    assert!(list.contains("--connection events"), "{list}");
    let given_up = |it: &crate::harness::Ledger| (it.dead_lettered, it.pending) == (1, 0);
    bridge.ledger_when("orders", given_up).await;
    let on = |command: &str, number: i64| {
        let number = number.to_string();
        bridge.command(&["dead-letters", command, &number, "--connection", "events"])
    };
    let shown = on("show", first.letter);
    for expected in ["x-tenant: acme", "text/plain", "the data", "400"] {
        assert!(shown.contains(expected), "{expected} is not in {shown}");
    }

    // The message fails again, and gets a new dead letter.
    assert_eq!(on("replay", first.letter), "1 replayed\n");
    endpoint.wait_for(2).await;
    let second = until("the second letter", async || {
        letters(&bridge)
            .pop()
            .filter(|letter| letter.letter != first.letter)
    })
    .await;
    assert_eq!((second.id.as_str(), letters(&bridge).len()), (&*id, 1));

    status.store(204, Relaxed);
    assert_eq!(on("replay", second.letter), "1 replayed\n");
    let last = endpoint.wait_for(3).await.pop().expect("a request");
    assert_eq!((last.id(), &last.body[..]), (id, &b"the data"[..]));
    assert_eq!(last.header("x-tenant"), "acme");
    assert!(
        last.headers
            .keys()
            .all(|name| !name.as_str().contains("dead-letter"))
    );

    status.store(400, Relaxed);
    let id = bridge.accept("orders.new", &[], "x").await;
    let dropped = letter(&bridge, &id).await;
    assert_eq!(on("drop", dropped.letter), "1 dropped\n");
    assert_eq!(letters(&bridge).len(), 0);
    // Only the group whose delivery failed received the replayed message.
    others.wait_for(2).await;
    bridge.ledger_when("audit", |it| it.pending == 0).await;
    assert_eq!(others.received().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_of_core_nats_are_kept_by_jetstream() {
    let server = NatsServer::start().await;
    let (endpoint, status) = endpoint(400).await;
    let config = format!(
        "[connections.core]\ntype = \"nats\"\nurl = {url:?}\n\
         [connections.events]\ntype = \"jetstream\"\nurl = {url:?}\n\
         [[subscriptions]]\nname = \"orders\"\nfrom = \"core\"\ntopics = [\"orders.>\"]\nto = {:?}\n{TO}",
        endpoint.url("/"),
        url = server.url(),
    );
    let bridge = Bridge::start_into("core", &config).await;
    let id = bridge.accept("orders.new", &[], "x").await;
    letter(&bridge, &id).await;
    let folder = bridge.kill();

    // No client subscribes, so the dead letter stays.
    let output = std::process::Command::new(crate::harness::binary())
        .args(["dead-letters", "replay", "--all", "--connection", "events"])
        .current_dir(folder.path())
        .output()
        .expect("it runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("no client subscribes to \"orders.new\""),
        "{told}"
    );

    status.store(204, Relaxed);
    let bridge = Bridge::start_in(folder).await;
    let replay = ["dead-letters", "replay", "--all", "--connection", "events"];
    assert_eq!(bridge.command(&replay), "1 replayed\n");
    assert_eq!(endpoint.wait_for(2).await[1].id(), id);
    assert_eq!(letters(&bridge).len(), 0);
}

fn given_up(nanos: u64) -> FailedDelivery {
    FailedDelivery {
        subscription: "orders".into(),
        message: Message::new("orders.new", "x").into(),
        id: MessageId::parse("m-1").expect("an id"),
        published: SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos),
        letter: DeadLetter {
            reason: "no".into(),
            status: None,
            attempts: 1,
            backtrace: None,
            key: None,
        },
    }
}

/// Simulates a crash before the message was settled: it is redelivered, and fails again.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_kept_twice_is_stored_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = Settings {
        path: folder.path().into(),
        ..Settings::default()
    };
    let store = Arc::new(Store::open(settings).expect("a store"));
    let replays = join_local_group(&store, "orders", false, Duration::from_secs(3600)).await;
    let _replays = replays.expect("a subscription");
    let server = JetStreamServer::start().await;
    let broker = server.connect().await;
    let topic = DeadLetterTopic::open(broker.clone(), "dead.orders", store.clone(), 16).await;
    let topic = topic.expect("a stream is made");
    for at in [5, 5, 6] {
        store.keep(given_up(at)).await.expect("it is kept");
        topic.keep(given_up(at)).await.expect("it is kept");
    }
    let ledger = store.ledgers().await.expect("ledgers").remove(0);
    assert_eq!((ledger.dead_lettered, ledger.accepted), (2, 2));
    let mut letters = subscribe(&broker, &["dead.orders"]).await;
    for _ in 0..2 {
        let incoming = next(&mut letters).await;
        let reason = ("dead-letter-reason".to_owned(), "no".to_owned());
        assert!(incoming.message.metadata.contains(&reason));
        ack(incoming).await;
    }
    until("no more letters", async || {
        broker.pending(GROUP).await.filter(|pending| *pending == 0)
    })
    .await;
}

/// The host is killed after the dead letter is on disk, and before the silent server settles the
/// message.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_before_the_settlement_leaves_one_dead_letter() {
    let mut server = JetStreamServer::start().await;
    let silence = server.0.silencer();
    // By the fourth attempt, the server has written the message.
    let endpoint = Endpoint::start(move |_, before| {
        if before == 3 {
            silence();
        }
        Reply::status(if before < 3 { 503 } else { 400 })
    })
    .await;
    let quick = "retry = { initial_delay = \"100ms\", max_delay = \"100ms\" }";
    let bridge = super::hosts::bridge(&server, &endpoint, quick).await;
    let line = "{\"topic\":\"orders.new\",\"id\":\"m-1\",\"data\":\"x\"}";
    // The server may become silent before it has confirmed the message.
    let publish = crate::harness::request(bridge.intake, "POST", "/batch", &[], line);
    let (_, first) = tokio::join!(publish, bridge.dead_letter("m-1"));
    let folder = bridge.kill();
    server.0.kill();
    server.0.start_again().await;
    let bridge = Bridge::start_in(folder).await;
    endpoint.wait_for(5).await;
    let stream = client(&server.0).await.get_stream("events").await;
    let stream = stream.expect("a stream");
    until("the server lets it go", async || {
        let info = stream.consumer_info("orders").await.ok()?;
        (info.num_pending == 0 && info.num_ack_pending == 0).then_some(())
    })
    .await;
    let letters = bridge.dead_letters();
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0].letter, first.letter);
}

/// NATS accepts more metadata than the embedded broker accepts from publishers.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_with_too_much_metadata_for_publishers_is_kept() {
    let server = JetStreamServer::start().await;
    let (endpoint, _) = endpoint(400).await;
    let bridge = Bridge::start_into("events", &config(&server, &endpoint, "")).await;
    let headers: String = (0..2500).map(|n| format!("h{n}: v\r\n")).collect();
    let headers = format!("NATS/1.0\r\nNats-Msg-Id: many\r\n{headers}\r\n");
    server.0.publish_raw("orders.new", &headers, "x").await;
    let letter = bridge.dead_letter("many").await;
    let shown = bridge.command(&["dead-letters", "show", &letter.letter.to_string()]);
    assert!(shown.contains("h2499: v"), "{shown}");
    let ledger = bridge.ledger_when("orders", |it| it.pending == 0).await;
    assert_eq!(ledger.dead_lettered, 1);
    let books = bridge.command(&["ledger"]);
    assert!(
        books.contains("messages of orders are at events"),
        "{books}"
    );
}

/// An operator may call `ledger forget` while the subscription runs.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_of_a_forgotten_subscription_is_kept() {
    let server = JetStreamServer::start().await;
    let (endpoint, _) = endpoint(400).await;
    let bridge = Bridge::start_into("events", &config(&server, &endpoint, "")).await;
    bridge.command(&["ledger", "forget", "orders", "--yes"]);
    let id = bridge.accept("orders.new", &[], "x").await;
    assert_eq!(bridge.dead_letter(&id).await.status, Some(400));
    let ledger = bridge.ledger_when("orders", |it| it.pending == 0).await;
    assert_eq!(ledger.dead_lettered, 1);
}
