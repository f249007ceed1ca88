//! Which messages are accepted, which are refused, and how long they are kept.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bridge_host::broker::embedded::Embedded;
use bridge_host::broker::{Broker, BrokerError, Settlement, SizeLimit};
use bridge_host::message::{Message, MessageId};
use bridge_host::store::Settings;

use super::support::{Folder, ledger, letter, next, publish, spec, text, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_id_is_stored_once() {
    let folder = Folder::new();
    let broker = Arc::new(folder.open());
    let mut s = broker.subscribe(spec("s", &[">"])).await.unwrap();
    let id = MessageId::parse("evt_1").unwrap();
    let mut tasks = Vec::new();
    for _ in 0..20 {
        let (broker, id) = (Arc::clone(&broker), id.clone());
        tasks.push(tokio::spawn(async move {
            let message = Message::new("t", "1".as_bytes());
            broker.publish(message, Some(id)).await.unwrap().duplicate
        }));
    }
    let mut kept = 0;
    for task in tasks {
        kept += u32::from(!task.await.unwrap());
    }
    assert_eq!(kept, 1);
    let elsewhere = Message::new("u", "1".as_bytes());
    let elsewhere = broker.publish(elsewhere, Some(id.clone())).await.unwrap();
    assert!(!elsewhere.duplicate, "another topic is another message");
    for topic in ["t", "u"] {
        let incoming = next(&mut s).await;
        assert_eq!((incoming.id, &*incoming.message.topic), (id.clone(), topic));
    }
    assert_eq!(ledger(&broker, "s").await.accepted, 2);
    drop((s, broker));

    let window = Duration::from_millis(1);
    let settings = Settings {
        deduplication_window: window,
        ..folder.settings()
    };
    let broker = Embedded::open(settings).unwrap();
    tokio::time::sleep(2 * window).await;
    let message = Message::new("t", "1".as_bytes());
    assert!(!broker.publish(message, Some(id)).await.unwrap().duplicate);
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_messages_are_refused() {
    let folder = Folder::new();
    let broker = Embedded::open(Settings {
        max_message_size: 1000,
        ..folder.settings()
    })
    .unwrap();
    let mut s = broker.subscribe(spec("s", &[">"])).await.unwrap();
    let wild = broker.publish(Message::new("a.*", ""), None).await;
    assert!(
        matches!(wild, Err(BrokerError::Refused(text)) if text.to_string().contains("wildcard"))
    );
    let large = broker.publish(Message::new("a", vec![0; 1001]), None).await;
    let size = BrokerError::TooLarge {
        size: 1001,
        max: 1000,
        limit: SizeLimit {
            counted: " of data",
            remedy: "raise `max_message_size`",
        },
    };
    assert_eq!(large, Err(size));
    let mut wordy = Message::new("a", "");
    wordy.add_metadata("k", "x".repeat(300 << 10));
    let wordy = broker.publish(wordy, None).await;
    assert!(
        matches!(wordy, Err(BrokerError::Refused(text)) if text.to_string().contains("262144"))
    );
    let mut many = Message::new("a", "");
    many.metadata = (0..2_001).map(|n| (n.to_string(), "".into())).collect();
    let many = broker.publish(many, None).await;
    assert!(matches!(many, Err(BrokerError::Refused(text)) if text.to_string().contains("2001")));
    broker.publish(Message::new("a", ""), None).await.unwrap();
    assert_eq!(next(&mut s).await.message.data.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_messages_and_much_metadata_arrive_whole() {
    let folder = Folder::new();
    let broker = folder.open();
    let mut s = broker.subscribe(spec("s", &[">"])).await.unwrap();
    let data: Vec<u8> = (0..(64usize << 20) - 20_000)
        .map(|n| (n * 31) as u8)
        .collect();
    let mut message = Message::new("a/b c.ü", data);
    for n in 0..1000 {
        message.add_metadata(format!("key {n}\n"), format!("ü\0{n}"));
    }
    broker.publish(message.clone(), None).await.unwrap();
    publish(&broker, "t", "small").await;
    let incoming = next(&mut s).await;
    assert!(*incoming.message == message);
    assert_eq!(text(&next(&mut s).await), "small");
}

/// At the size limit settled messages are removed; pending ones stay, and then publishing is
/// refused until some are settled.
#[tokio::test(flavor = "multi_thread")]
async fn at_the_size_limit_only_settled_messages_are_removed() {
    let folder = Folder::new();
    let mut settings = folder.settings();
    // About a hundred of these fit, with their rows.
    settings.retention.max_size = 100 * (1000 + 256);
    let broker = Embedded::open(settings).unwrap();
    let mut s = broker.subscribe(spec("s", &["a"])).await.unwrap();
    let message = |topic| Message::new(topic, vec![b'x'; 999]);
    let first = MessageId::parse("evt_0").unwrap();
    for n in 0..50 {
        let id = (n == 0).then(|| first.clone());
        broker.publish(message("a"), id).await.unwrap();
    }
    for _ in 0..200 {
        broker.publish(message("b"), None).await.unwrap();
    }
    for _ in 0..50 {
        broker.publish(message("a"), None).await.unwrap();
    }
    let full = broker.publish(message("b"), None).await;
    assert!(
        matches!(full, Err(BrokerError::Full(text)) if text.to_string().contains("all of its messages are pending") && text.to_string().contains("max_size"))
    );
    let again = broker.publish(message("a"), Some(first)).await.unwrap();
    assert!(again.duplicate, "it is kept already, and needs no room");
    let id = MessageId::parse("evt_1").unwrap();
    let given = broker.publish(message("a"), Some(id.clone())).await;
    assert!(matches!(given, Err(BrokerError::Full(_))));
    let incoming = next(&mut s).await;
    incoming.receipt.settle(letter("kept")).await.unwrap();
    let full = broker.publish(message("a"), None).await;
    assert!(
        matches!(full, Err(BrokerError::Full(_))),
        "a dead letter stays"
    );
    let incoming = next(&mut s).await;
    incoming
        .receipt
        .settle(Settlement::Delivered)
        .await
        .unwrap();
    until(&broker, "s", |l| l.delivered == 1).await;
    let published = broker.publish(message("a"), Some(id)).await.unwrap();
    assert!(!published.duplicate, "what was refused was not remembered");
    assert_eq!(ledger(&broker, "s").await.accepted, 101);
}

/// With more messages than one search examines, the refusal says that the search ended early, and
/// later searches continue.
#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_ends_early_says_so() {
    let folder = Folder::new();
    let broker = folder.open();
    drop(broker.subscribe(spec("s", &["a"])).await.unwrap());
    drop(broker);
    folder.sql(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 20000)
         INSERT INTO messages SELECT n, n, 'a', NULL, NULL, unixepoch() * 1000, 1, x'' FROM n;
         INSERT INTO deliveries (sub, seq, attempts, due) SELECT 1, seq, 0, 0 FROM messages;
         UPDATE totals SET size = 20000 * 257",
    );
    let mut settings = folder.settings();
    settings.retention.max_size = 20_000 * 257;
    let broker = Embedded::open(settings).unwrap();
    let refusal = async || {
        let refused = broker.publish(Message::new("a", "x"), None).await;
        refused.expect_err("there is no room").to_string()
    };
    let first = refusal().await;
    assert!(first.contains("the next attempt continues"), "{first}");
    let mut tries = 1;
    while !refusal().await.contains("all of its messages are pending") {
        tries += 1;
        assert!(tries < 1000, "a search comes to its end");
    }
}

/// Another process that holds the database for long fails a whole group at once, not one message
/// after the other.
#[tokio::test(flavor = "multi_thread")]
async fn a_locked_database_fails_publishers_together() {
    let folder = Folder::new();
    let broker = Arc::new(folder.open());
    let other = rusqlite::Connection::open(folder.0.join("bridge.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let broker = Arc::clone(&broker);
        tasks.spawn(async move { broker.publish(Message::new("t", ""), None).await });
    }
    for refused in tasks.join_all().await {
        assert!(
            matches!(refused, Err(BrokerError::Unavailable(text)) if text.to_string().contains("locked"))
        );
    }
    // The first message comes alone, the others in a group: two waits of SQLite.
    assert!(
        start.elapsed() < Duration::from_secs(30),
        "{:?}",
        start.elapsed()
    );
    other.execute_batch("ROLLBACK").unwrap();
    publish(&broker, "t", "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_settled_messages_are_removed() {
    let folder = Folder::new();
    let broker = folder.open();
    let mut s = broker.subscribe(spec("s", &["a"])).await.unwrap();
    for n in 0..5000 {
        let topic = if n % 100 == 0 { "a" } else { "b" };
        publish(&broker, topic, "x").await;
    }
    next(&mut s)
        .await
        .receipt
        .settle(letter("no"))
        .await
        .unwrap();
    drop((s, broker));
    let mut settings = folder.settings();
    settings.retention.max_age = Duration::ZERO;
    let broker = Embedded::open(settings).unwrap();
    let conn = rusqlite::Connection::open(folder.0.join("bridge.db")).unwrap();
    let count = || -> u32 {
        conn.query_row("SELECT count(*) FROM messages", [], |row| row.get(0))
            .unwrap()
    };
    let start = Instant::now();
    while count() != 50 {
        assert!(start.elapsed() < Duration::from_secs(20), "{}", count());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(ledger(&broker, "s").await.pending, 49);
    let kept: u64 = conn
        .query_row(
            "SELECT size = (SELECT sum(size + 256) FROM messages) FROM totals",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(kept, 1, "the sum is that of what is there");
}
