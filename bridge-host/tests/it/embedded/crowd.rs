//! Many consumers at once that settle messages in all ways.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bridge_host::broker::{Broker, Incoming, Settlement, Subscription};
use bridge_host::message::MessageId;

use super::support::{Folder, letter, publish, spec, until};

/// What the consumers saw of one message.
#[derive(Default)]
struct Seen {
    in_flight: bool,
    retries: u32,
    settled: bool,
}

/// Eight consumers settle in all ways: no message is lost, none is leased twice at once, attempts
/// are counted right, and no retry comes early.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_consumers_settle_each_message_once() {
    const MESSAGES: usize = 3000;
    let folder = Folder::new();
    let broker = Arc::new(folder.open());
    let seen: Arc<Mutex<HashMap<MessageId, Seen>>> = Arc::default();
    let left = Arc::new(AtomicU32::new(MESSAGES as u32));
    let mut consumers = Vec::new();
    for consumer in 0..8 {
        let s = broker.subscribe(spec("s", &[">"])).await.unwrap();
        let (seen, left) = (Arc::clone(&seen), Arc::clone(&left));
        consumers.push(tokio::spawn(consume(s, seen, left, consumer)));
    }
    for n in 0..MESSAGES {
        publish(&broker, "t", &n.to_string()).await;
    }
    for consumer in consumers {
        consumer.await.unwrap();
    }
    let end = until(&broker, "s", |l| l.pending == 0).await;
    assert_eq!(end.accepted, MESSAGES as u64);
    assert!(end.delivered > 0 && end.filtered > 0 && end.dead_lettered > 0);
    assert!(seen.lock().unwrap().values().all(|seen| seen.settled));
}

async fn consume(
    mut s: Box<dyn Subscription>,
    seen: Arc<Mutex<HashMap<MessageId, Seen>>>,
    left: Arc<AtomicU32>,
    mut random: u64,
) {
    while left.load(Ordering::SeqCst) > 0 {
        let soon = Duration::from_millis(20);
        let Ok(incoming) = tokio::time::timeout(soon, s.next()).await else {
            continue;
        };
        let incoming = incoming.unwrap();
        given(&seen, &incoming);
        tokio::task::yield_now().await;
        random = random
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        let choice = (random >> 33) % 10;
        {
            let mut seen = seen.lock().unwrap();
            let seen = seen.get_mut(&incoming.id).unwrap();
            seen.in_flight = false;
            seen.retries += u32::from(choice < 4);
            seen.settled = choice > 4;
        }
        if choice > 4 {
            left.fetch_sub(1, Ordering::SeqCst);
        }
        let settlement = match choice {
            0..4 => Settlement::Retry(Duration::from_millis(choice * 5)),
            4 => continue,
            5 => letter("no"),
            6 => Settlement::Filtered,
            _ => Settlement::Delivered,
        };
        incoming.receipt.settle(settlement).await.unwrap();
    }
}

fn given(seen: &Mutex<HashMap<MessageId, Seen>>, incoming: &Incoming) {
    let mut seen = seen.lock().unwrap();
    let seen = seen.entry(incoming.id.clone()).or_default();
    assert!(!seen.in_flight && !seen.settled);
    assert_eq!(incoming.attempt, seen.retries + 1);
    seen.in_flight = true;
}
