//! The embedded broker on a real disk: what it promises of each message,
//! through restarts, full disks and other processes.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bridge_host::broker::embedded::{Embedded, Inspector, Ledger, Settings, StoreError, Which};
use bridge_host::broker::{
    Broker, BrokerError, DeadLetter, Incoming, Settlement, SubscribeSpec, Subscription,
};
use bridge_host::message::{Message, MessageId, TopicPattern};

/// A folder of its own, gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "embedded-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }

    fn settings(&self) -> Settings {
        Settings {
            path: self.0.clone(),
            ..Settings::default()
        }
    }

    fn open(&self) -> Embedded {
        Embedded::open(self.settings()).unwrap()
    }

    fn inspect(&self) -> Inspector {
        Inspector::open(&self.0).unwrap()
    }

    fn sql(&self, sql: &str) {
        let conn = rusqlite::Connection::open(self.0.join("bridge.db")).unwrap();
        conn.execute_batch(sql).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn spec(name: &str, topics: &[&str]) -> SubscribeSpec {
    SubscribeSpec {
        name: name.into(),
        topics: topics
            .iter()
            .map(|topic| TopicPattern::parse(topic).unwrap())
            .collect(),
        ordered: false,
    }
}

fn in_order(name: &str) -> SubscribeSpec {
    SubscribeSpec {
        ordered: true,
        ..spec(name, &[">"])
    }
}

fn letter(reason: &str) -> Settlement {
    Settlement::DeadLetter(DeadLetter {
        reason: reason.into(),
        status: Some(404),
        attempts: 1,
        backtrace: Some("frame 0\nframe 1".into()),
    })
}

async fn publish(broker: &Embedded, topic: &str, data: &str) -> MessageId {
    let message = Message::new(topic, data.as_bytes().to_vec());
    broker.publish(message, None).await.unwrap().id
}

async fn next(subscription: &mut Box<dyn Subscription>) -> Incoming {
    tokio::time::timeout(Duration::from_secs(20), subscription.next())
        .await
        .expect("a message comes")
        .unwrap()
}

/// Nothing comes for a moment.
async fn quiet(subscription: &mut Box<dyn Subscription>) {
    let waited = tokio::time::timeout(Duration::from_millis(100), subscription.next()).await;
    let text = waited.map(|incoming| incoming.map(|i| text(&i)));
    assert!(text.is_err(), "{text:?}");
}

fn text(incoming: &Incoming) -> String {
    String::from_utf8(incoming.message.data.to_vec()).unwrap()
}

async fn ledger(broker: &Embedded, name: &str) -> Ledger {
    let ledgers = broker.ledgers().await.unwrap();
    for ledger in &ledgers {
        assert!(ledger.is_balanced(), "{ledger:?}");
    }
    let found = ledgers.into_iter().find(|l| l.subscription == name);
    found.expect("the subscription has a ledger")
}

/// Waits until acknowledgements are written.
async fn until(broker: &Embedded, name: &str, holds: impl Fn(&Ledger) -> bool) -> Ledger {
    let start = Instant::now();
    loop {
        let ledger = ledger(broker, name).await;
        if holds(&ledger) {
            return ledger;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{ledger:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_subscription_gets_what_its_topics_select() {
    let folder = Folder::new();
    let broker = folder.open();
    let mut all = broker.subscribe(spec("all", &[">"])).await.unwrap();
    let mut new = broker
        .subscribe(spec("new", &["orders.*", "x"]))
        .await
        .unwrap();
    let mut message = Message::new("orders.new", "1".as_bytes());
    message.content_type = Some("text/plain".into());
    message.add_metadata("a\n", "b\0ü");
    broker.publish(message.clone(), None).await.unwrap();
    publish(&broker, "orders.new.eu", "2").await;

    let first = next(&mut all).await;
    assert_eq!(first.message, message);
    assert_eq!(first.attempt, 1);
    let second = next(&mut all).await;
    assert_eq!(text(&second), "2");
    let only = next(&mut new).await;
    assert_eq!((text(&only), &only.id), ("1".into(), &first.id));
    first.receipt.settle(Settlement::Delivered).await.unwrap();
    second.receipt.settle(Settlement::Filtered).await.unwrap();
    quiet(&mut new).await;

    let all = until(&broker, "all", |l| l.pending == 0).await;
    assert_eq!((all.accepted, all.delivered, all.filtered), (2, 1, 1));
    let new = ledger(&broker, "new").await;
    assert_eq!((new.accepted, new.pending), (1, 1));
    drop(only);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_subscription_starts_with_what_is_kept() {
    let folder = Folder::new();
    let broker = folder.open();
    for n in 0..300 {
        publish(
            &broker,
            if n % 2 == 0 { "even" } else { "odd" },
            &n.to_string(),
        )
        .await;
    }
    let mut even = broker.subscribe(spec("s", &["even"])).await.unwrap();
    for n in (0..300).step_by(2) {
        let incoming = next(&mut even).await;
        assert_eq!(text(&incoming), n.to_string());
        incoming
            .receipt
            .settle(Settlement::Delivered)
            .await
            .unwrap();
    }
    quiet(&mut even).await;
    assert_eq!(ledger(&broker, "s").await.accepted, 150);
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_topics_count_from_now_on() {
    let folder = Folder::new();
    let broker = folder.open();
    drop(broker.subscribe(spec("s", &["a"])).await.unwrap());
    publish(&broker, "a", "a1").await;
    publish(&broker, "b", "b1").await;
    let mut s = broker.subscribe(spec("s", &["b"])).await.unwrap();
    publish(&broker, "a", "a2").await;
    publish(&broker, "b", "b2").await;
    let (first, second) = (next(&mut s).await, next(&mut s).await);
    assert_eq!((text(&first), text(&second)), ("a1".into(), "b2".into()));
    quiet(&mut s).await;
    let other = broker.subscribe(spec("s", &["c"])).await;
    assert!(matches!(other, Err(BrokerError::Refused(text)) if text.contains("\"s\"")));
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_one_name_share_its_messages() {
    let folder = Folder::new();
    let broker = folder.open();
    let mut a = broker.subscribe(spec("s", &[">"])).await.unwrap();
    let mut b = broker.subscribe(spec("s", &[">"])).await.unwrap();
    for n in 0..20 {
        publish(&broker, "t", &n.to_string()).await;
    }
    let mut seen = BTreeSet::new();
    let mut held = Vec::new();
    for _ in 0..10 {
        for member in [&mut a, &mut b] {
            let incoming = next(member).await;
            assert!(seen.insert(text(&incoming)));
            held.push(incoming);
        }
    }
    quiet(&mut a).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_receipt_gives_the_message_back() {
    let folder = Folder::new();
    let broker = folder.open();
    let mut s = broker.subscribe(spec("s", &[">"])).await.unwrap();
    let id = publish(&broker, "t", "1").await;
    drop(next(&mut s).await);
    let again = next(&mut s).await;
    assert_eq!((again.id, again.attempt), (id, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_waits_and_counts_through_a_restart() {
    let folder = Folder::new();
    let broker = folder.open();
    let mut s = broker.subscribe(spec("s", &[">"])).await.unwrap();
    publish(&broker, "t", "1").await;
    let wait = Duration::from_millis(300);
    let incoming = next(&mut s).await;
    let start = Instant::now();
    incoming
        .receipt
        .settle(Settlement::Retry(wait))
        .await
        .unwrap();
    publish(&broker, "t", "2").await;
    let other = next(&mut s).await;
    assert_eq!(text(&other), "2", "a parked message blocks nobody");
    let again = next(&mut s).await;
    assert_eq!((text(&again), again.attempt), ("1".into(), 2));
    assert!(start.elapsed() >= wait);
    again
        .receipt
        .settle(Settlement::Retry(Duration::ZERO))
        .await
        .unwrap();
    drop((other, s, broker));

    let broker = folder.open();
    let mut s = broker.subscribe(spec("s", &[">"])).await.unwrap();
    let attempts = [next(&mut s).await, next(&mut s).await].map(|i| (text(&i), i.attempt));
    assert_eq!(attempts, [("1".into(), 3), ("2".into(), 1)]);
    assert_eq!(ledger(&broker, "s").await.pending, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_order_nothing_overtakes() {
    let folder = Folder::new();
    let broker = folder.open();
    let mut s = broker.subscribe(in_order("s")).await.unwrap();
    for n in 0..3 {
        publish(&broker, "t", &n.to_string()).await;
    }
    let first = next(&mut s).await;
    quiet(&mut s).await;
    let retry = Settlement::Retry(Duration::from_millis(200));
    first.receipt.settle(retry).await.unwrap();
    let again = next(&mut s).await;
    assert_eq!((text(&again), again.attempt), ("0".into(), 2));
    drop(again);
    let again = next(&mut s).await;
    assert_eq!((text(&again), again.attempt), ("0".into(), 2));
    again.receipt.settle(letter("no")).await.unwrap();
    let second = next(&mut s).await;
    assert_eq!(text(&second), "1");
    second.receipt.settle(Settlement::Delivered).await.unwrap();
    assert_eq!(folder.inspect().replay(&Which::All).unwrap(), 1);
    let third = next(&mut s).await;
    assert_eq!(text(&third), "2");
    publish(&broker, "t", "3").await;
    quiet(&mut s).await;
    // The replayed one is the oldest again, once the bridge noticed it.
    tokio::time::sleep(Duration::from_millis(1200)).await;
    third.receipt.settle(Settlement::Delivered).await.unwrap();
    let replayed = next(&mut s).await;
    assert_eq!((text(&replayed), replayed.attempt), ("0".into(), 1));
    replayed
        .receipt
        .settle(Settlement::Delivered)
        .await
        .unwrap();
    assert_eq!(text(&next(&mut s).await), "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_seen_again_is_kept_once() {
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
    assert_eq!(next(&mut s).await.id, id);
    assert_eq!(ledger(&broker, "s").await.accepted, 1);
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
async fn what_cannot_be_kept_is_refused() {
    let folder = Folder::new();
    let broker = Embedded::open(Settings {
        max_message_size: 1000,
        ..folder.settings()
    })
    .unwrap();
    let mut s = broker.subscribe(spec("s", &[">"])).await.unwrap();
    let wild = broker.publish(Message::new("a.*", ""), None).await;
    assert!(matches!(wild, Err(BrokerError::Refused(text)) if text.contains("wildcard")));
    let large = broker.publish(Message::new("a", vec![0; 1000]), None).await;
    let size = BrokerError::TooLarge {
        size: 1001,
        max: 1000,
    };
    assert_eq!(large, Err(size));
    let mut wordy = Message::new("a", "");
    wordy.add_metadata("k", "x".repeat(300 << 10));
    let wordy = broker.publish(wordy, None).await;
    assert!(matches!(wordy, Err(BrokerError::Refused(text)) if text.contains("262144")));
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
    assert!(incoming.message == message);
    assert_eq!(text(&next(&mut s).await), "small");
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_kept_shown_replayed_and_dropped() {
    let folder = Folder::new();
    let broker = folder.open();
    let mut s = broker.subscribe(spec("s", &[">"])).await.unwrap();
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(publish(&broker, "t", &n.to_string()).await.to_string());
        let incoming = next(&mut s).await;
        incoming
            .receipt
            .settle(letter("no one there"))
            .await
            .unwrap();
    }
    let other = folder.inspect();
    let one = Which::Subscription("s".into());
    let listed = other.dead_letters(&one, 0, 2).unwrap();
    assert_eq!(listed.len(), 2);
    let shown = other.dead_letter(listed[1].id).unwrap();
    assert_eq!(
        (shown.message_id, &shown.message.data[..]),
        (ids[1].clone(), &b"1"[..])
    );
    assert_eq!(Settlement::DeadLetter(shown.letter), letter("no one there"));
    let rest = other.dead_letters(&Which::All, listed[1].id, 100).unwrap();
    assert_eq!(rest[0].message_id, ids[2]);
    let nobody = other.dead_letters(&Which::Subscription("nobody".into()), 0, 9);
    assert!(matches!(nobody, Err(StoreError::NoSubscription { .. })));

    assert_eq!(
        other.drop_dead_letters(&Which::Id(listed[0].id)).unwrap(),
        1
    );
    assert!(matches!(
        other.dead_letter(listed[0].id),
        Err(StoreError::NoDeadLetter(_))
    ));
    let dropped = ledger(&broker, "s").await;
    assert_eq!(
        (dropped.dead_lettered, dropped.dropped, dropped.pending),
        (3, 1, 0)
    );

    assert_eq!(other.replay(&one).unwrap(), 2);
    let replayed = [next(&mut s).await, next(&mut s).await];
    assert_eq!(replayed.each_ref().map(text), ["1", "2"]);
    for incoming in replayed {
        assert_eq!(incoming.attempt, 1);
        let delivered = Settlement::Delivered;
        incoming.receipt.settle(delivered).await.unwrap();
    }
    let end = until(&broker, "s", |l| l.pending == 0).await;
    assert_eq!((end.delivered, end.dead_lettered, end.dropped), (2, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_broker_a_folder() {
    let folder = Folder::new();
    assert!(matches!(
        Inspector::open(&folder.0),
        Err(StoreError::Missing(_))
    ));
    let broker = folder.open();
    let second = Embedded::open(folder.settings());
    let error = second.err().expect("the folder is taken").to_string();
    assert!(error.contains(folder.0.to_str().unwrap()), "{error}");
    broker.close().await;
    drop(folder.open());
    let closed = broker.publish(Message::new("t", ""), None).await;
    assert!(matches!(closed, Err(BrokerError::Unavailable(_))));

    folder.sql("PRAGMA user_version = 9");
    assert!(matches!(
        Embedded::open(folder.settings()),
        Err(StoreError::Newer {
            found: 9,
            known: 1,
            ..
        })
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_writes_what_was_settled_and_ends_waiting() {
    let folder = Folder::new();
    let broker = folder.open();
    let mut s = broker.subscribe(spec("s", &[">"])).await.unwrap();
    publish(&broker, "t", "1").await;
    let incoming = next(&mut s).await;
    incoming
        .receipt
        .settle(Settlement::Delivered)
        .await
        .unwrap();
    let waiting = tokio::spawn(async move { s.next().await.map(|i| i.id) });
    broker.close().await;
    assert!(matches!(
        waiting.await.unwrap(),
        Err(BrokerError::Unavailable(_))
    ));
    assert_eq!(folder.inspect().ledgers().unwrap()[0].delivered, 1);
}
