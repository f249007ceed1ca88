//! The maintenance of the embedded broker: it does not delay publishers, the file shrinks with its
//! contents, and a clock that is set back delays no retry.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bridge_host::broker::embedded::Embedded;
use bridge_host::broker::{Broker, BrokerError, DeadLetterFilter, Settlement};
use bridge_host::message::{Message, MessageId};

use super::support::{Folder, in_order, ledger, letter, next, publish, spec, text, until};

/// The size limit counts the rows of small messages, too.
#[tokio::test(flavor = "multi_thread")]
async fn small_messages_count_with_their_rows() {
    let folder = Folder::new();
    let broker = Arc::new(folder.open());
    let s = broker.subscribe(spec("s", &[">"])).await.unwrap();
    publish_many(&broker, 2500, 20).await;
    for n in 0..2500 {
        let id = MessageId::parse(&format!("msg_of_a_publisher_with_ids_{n}")).unwrap();
        let message = Message::new("load", vec![b'x'; 20]);
        let broker = broker.clone();
        drop(broker.enqueue(message, Some(id)).await.unwrap());
    }
    publish(&broker, "load", "the last").await;
    drop(s);
    broker.close().await;
    let conn = rusqlite::Connection::open(folder.0.join("bridge.db")).unwrap();
    let counted = conn.query_row("SELECT size FROM totals", [], |row| row.get::<_, u64>(0));
    let (counted, takes) = (counted.unwrap(), length(&folder));
    let ratio = counted as f64 / takes as f64;
    assert!(
        (0.7..4.0).contains(&ratio),
        "{counted} counted, {takes} taken"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_shrinks() {
    let folder = Folder::new();
    let broker = Arc::new(folder.open());
    publish_many(&broker, 2000, 10_000).await;
    broker.close().await;
    let before = length(&folder);
    assert!(before > 20_000_000, "{before}");
    let mut settings = folder.settings();
    settings.retention.max_age = Duration::ZERO;
    let _broker = Embedded::open(settings).unwrap();
    let began = Instant::now();
    while length(&folder) > before / 4 {
        assert!(
            began.elapsed() < Duration::from_secs(120),
            "{}",
            length(&folder)
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Runs beside a bridge that keeps publishing.
#[tokio::test(flavor = "multi_thread")]
async fn replaying_and_forgetting_leave_room_for_publishers() {
    let folder = Folder::new();
    drop(folder.open().subscribe(spec("s", &["a"])).await.unwrap());
    folder.sql(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 40000)
         INSERT INTO messages SELECT n, n, 'a', NULL, NULL, unixepoch() * 1000, 1, x'' FROM n;
         INSERT INTO dead_letters (sub, seq, at, reason, attempts) SELECT 1, seq, 0, 'no', 1 FROM messages;
         UPDATE subscriptions SET accepted = 40000, dead_lettered = 40000",
    );
    let broker = folder.open();
    for what in ["replay", "forget"] {
        let other = folder.inspect();
        let work = tokio::task::spawn_blocking(move || match what {
            "replay" => assert_eq!(other.replay(&DeadLetterFilter::All).unwrap(), 40_000),
            _ => other.forget("s", true).unwrap(),
        });
        let mut waits = Vec::new();
        while !work.is_finished() {
            let began = Instant::now();
            publish(&broker, "b", "beside it").await;
            waits.push(began.elapsed());
        }
        work.await.unwrap();
        waits.sort();
        let median = waits[waits.len() / 2];
        assert!(median < Duration::from_millis(200), "{what}: {median:?}");
    }
}

/// A slow subscription does not prevent others from receiving messages.
#[tokio::test(flavor = "multi_thread")]
async fn a_quota_limits_only_its_subscription() {
    let folder = Folder::new();
    let mut settings = folder.settings();
    settings.quotas.insert("dead".into(), 100 * (1000 + 256));
    let broker = Embedded::open(settings.clone()).unwrap();
    let mut dead = broker
        .subscribe(spec("dead", &["both", "alone"]))
        .await
        .unwrap();
    let mut live = broker.subscribe(spec("live", &["both"])).await.unwrap();
    let send = async |broker: &Embedded, topic: &str| {
        let data = vec![b'x'; 1000 - topic.len()];
        broker.publish(Message::new(topic, data), None).await
    };
    for _ in 0..150 {
        send(&broker, "both").await.unwrap();
    }
    let refused = send(&broker, "alone").await;
    assert!(
        matches!(refused, Err(BrokerError::Full(text)) if text.to_string().contains("`quota`"))
    );
    assert_eq!(ledger(&broker, "dead").await.accepted, 100);
    assert_eq!(ledger(&broker, "live").await.accepted, 150);
    // Dead letters count.
    for _ in 0..10 {
        next(&mut dead)
            .await
            .receipt
            .settle(letter("no"))
            .await
            .unwrap();
        next(&mut live)
            .await
            .receipt
            .settle(Settlement::Delivered)
            .await
            .unwrap();
    }
    assert!(send(&broker, "alone").await.is_err());
    folder
        .inspect()
        .drop_dead_letters(&DeadLetterFilter::All)
        .unwrap();
    for _ in 0..10 {
        send(&broker, "alone").await.unwrap();
    }
    assert!(send(&broker, "alone").await.is_err());
    drop((dead, live));
    broker.close().await;

    let broker = Embedded::open(settings).unwrap();
    let mut dead = broker
        .subscribe(spec("dead", &["both", "alone"]))
        .await
        .unwrap();
    assert!(
        send(&broker, "alone").await.is_err(),
        "it is counted through a restart"
    );
    next(&mut dead)
        .await
        .receipt
        .settle(Settlement::Delivered)
        .await
        .unwrap();
    until(&broker, "dead", |it| it.delivered == 1).await;
    send(&broker, "alone").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_removed_at_their_limits() {
    for by_size in [false, true] {
        let folder = Folder::new();
        let broker = folder.open();
        let mut s = broker.subscribe(spec("s", &[">"])).await.unwrap();
        for n in 0..30 {
            publish(&broker, "t", &n.to_string()).await;
            next(&mut s)
                .await
                .receipt
                .settle(letter("no"))
                .await
                .unwrap();
        }
        drop(s);
        broker.close().await;
        let mut settings = folder.settings();
        match by_size {
            true => settings.retention.dead_letters.max_size = Some(10 * (3 + 256)),
            false => settings.retention.dead_letters.max_age = Some(Duration::ZERO),
        }
        let left = if by_size { 10 } else { 0 };
        let broker = Embedded::open(settings).unwrap();
        until(&broker, "s", |it| it.dead_letters() == left).await;
        let letters = folder
            .inspect()
            .dead_letters(&DeadLetterFilter::All, 0, 99)
            .unwrap();
        assert_eq!(letters.len() as u64, left);
        assert!(letters.iter().all(|it| it.id > 20), "the oldest went");
    }
}

/// The times are as if the clock had been a day ahead.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_set_back_delays_no_retry() {
    for ordered in [false, true] {
        let folder = Folder::new();
        let spec = || {
            if ordered {
                in_order("s")
            } else {
                spec("s", &[">"])
            }
        };
        let broker = folder.open();
        let mut s = broker.subscribe(spec()).await.unwrap();
        publish(&broker, "t", "1").await;
        let incoming = next(&mut s).await;
        let soon = Settlement::Retry(Duration::from_secs(1));
        incoming.receipt.settle(soon).await.unwrap();
        drop(s);
        broker.close().await;
        folder.sql(
            "UPDATE deliveries SET due = due + 86400000, first_attempt = first_attempt + 86400000;
             UPDATE messages SET published_at = published_at + 86400000",
        );
        let broker = folder.open();
        let mut s = broker.subscribe(spec()).await.unwrap();
        let incoming = next(&mut s).await;
        assert_eq!((text(&incoming).as_str(), incoming.attempt), ("1", 2));
        let tried_for = incoming.tried_for.unwrap();
        assert!(tried_for >= Duration::from_millis(500), "{tried_for:?}");
        incoming
            .receipt
            .settle(Settlement::Delivered)
            .await
            .unwrap();
        until(&broker, "s", |it| it.pending == 0).await;
    }
}

fn length(folder: &Folder) -> u64 {
    fs::metadata(folder.0.join("bridge.db")).unwrap().len()
}

async fn publish_many(broker: &Arc<Embedded>, count: usize, size: usize) {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..count {
        let broker = broker.clone();
        let message = Message::new("load", vec![b'x'; size]);
        tasks.spawn(async move { broker.publish(message, None).await.unwrap() });
    }
    tasks.join_all().await;
}
