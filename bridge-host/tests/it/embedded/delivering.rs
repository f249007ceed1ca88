//! Which subscription receives which message, when, and how often.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bridge_host::broker::DeadLetterFilter;
use bridge_host::broker::{Broker, BrokerError, Settlement};
use bridge_host::message::Message;

use super::support::{Folder, in_order, ledger, letter, next, publish, quiet, spec, text, until};

#[tokio::test(flavor = "multi_thread")]
async fn each_subscription_receives_its_topics() {
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
    assert_eq!(*first.message, message);
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
async fn a_new_subscription_starts_with_the_kept_messages() {
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
async fn changed_topics_apply_to_new_messages() {
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
    assert!(matches!(other, Err(BrokerError::Refused(text)) if text.to_string().contains("\"s\"")));
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
    let third = next(&mut s).await;
    assert_eq!(text(&third), "2");
    third.receipt.settle(Settlement::Delivered).await.unwrap();

    assert_eq!(folder.inspect().replay(&DeadLetterFilter::All).unwrap(), 1);
    let replayed = next(&mut s).await;
    assert_eq!((text(&replayed), replayed.attempt), ("0".into(), 1));
    publish(&broker, "t", "3").await;
    quiet(&mut s).await;
    replayed
        .receipt
        .settle(Settlement::Delivered)
        .await
        .unwrap();
    assert_eq!(text(&next(&mut s).await), "3");
}
