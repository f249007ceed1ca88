//! Helpers for the tests of the embedded broker.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bridge_host::broker::embedded::Embedded;
use bridge_host::broker::{
    Broker, DeadLetter, Incoming, Settlement, Start, SubscribeSpec, Subscription,
};
use bridge_host::message::{Message, MessageId, TopicPattern};
use bridge_host::store::{Inspector, Ledger, Settings, Store};

/// A temporary folder.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
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

    pub fn settings(&self) -> Settings {
        Settings {
            path: self.0.clone(),
            ..Settings::default()
        }
    }

    pub fn open(&self) -> Embedded {
        Embedded::open(self.settings()).unwrap()
    }

    pub fn inspect(&self) -> Inspector {
        Inspector::open(&self.0).unwrap()
    }

    pub fn sql(&self, sql: &str) {
        let conn = rusqlite::Connection::open(self.0.join("bridge.db")).unwrap();
        conn.execute_batch(sql).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn spec(name: &str, topics: &[&str]) -> SubscribeSpec {
    SubscribeSpec {
        start: Start::All,
        name: name.into(),
        topics: topics
            .iter()
            .map(|topic| TopicPattern::parse(topic).unwrap())
            .collect(),
        ordered: false,
        longest_wait: std::time::Duration::from_secs(3600),
        in_flight: 64,
    }
}

pub fn in_order(name: &str) -> SubscribeSpec {
    SubscribeSpec {
        ordered: true,
        ..spec(name, &[">"])
    }
}

pub fn letter(reason: &str) -> Settlement {
    Settlement::DeadLetter(DeadLetter {
        reason: reason.into(),
        status: Some(404),
        attempts: 1,
        backtrace: Some("frame 0\nframe 1".into()),
        key: None,
    })
}

pub async fn publish(broker: &Embedded, topic: &str, data: &str) -> MessageId {
    let message = Message::new(topic, data.as_bytes().to_vec());
    broker.publish(message, None).await.unwrap().id
}

pub async fn next(subscription: &mut Box<dyn Subscription>) -> Incoming {
    tokio::time::timeout(Duration::from_secs(20), subscription.next())
        .await
        .expect("a message comes")
        .unwrap()
}

/// Checks that no message comes for a moment.
pub async fn quiet(subscription: &mut Box<dyn Subscription>) {
    let waited = tokio::time::timeout(Duration::from_millis(100), subscription.next()).await;
    let text = waited.map(|incoming| incoming.map(|i| text(&i)));
    assert!(text.is_err(), "{text:?}");
}

pub fn text(incoming: &Incoming) -> String {
    String::from_utf8(incoming.message.data.to_vec()).unwrap()
}

/// Returns the store of a broker.
pub fn store(broker: &Embedded) -> &Store {
    broker.store().expect("it is embedded")
}

pub async fn ledger(broker: &Embedded, name: &str) -> Ledger {
    let ledgers = store(broker).ledgers().await.unwrap();
    for ledger in &ledgers {
        assert!(ledger.is_balanced(), "{ledger:?}");
    }
    let found = ledgers.into_iter().find(|l| l.subscription == name);
    found.expect("the subscription has a ledger")
}

/// Waits until acknowledgements are written.
pub async fn until(broker: &Embedded, name: &str, holds: impl Fn(&Ledger) -> bool) -> Ledger {
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
