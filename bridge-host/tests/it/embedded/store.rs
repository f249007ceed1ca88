//! Dead letters and ledgers as other processes see them; opening and closing the store.

use bridge_host::broker::embedded::Embedded;
use bridge_host::broker::{Broker, BrokerError, DeadLetterFilter, Settlement};
use bridge_host::message::Message;
use bridge_host::store::{Inspector, StoreError};

use super::support::{Folder, ledger, letter, next, publish, quiet, spec, store, text, until};

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
    let one = DeadLetterFilter::Subscription("s".into());
    let listed = other.dead_letters(&one, 0, 2).unwrap();
    assert_eq!(listed.len(), 2);
    let shown = other.dead_letter(listed[1].id).unwrap();
    assert_eq!(
        (shown.message_id, &shown.message.data[..]),
        (ids[1].clone(), &b"1"[..])
    );
    assert_eq!(Settlement::DeadLetter(shown.letter), letter("no one there"));
    let rest = other
        .dead_letters(&DeadLetterFilter::All, listed[1].id, 100)
        .unwrap();
    assert_eq!(rest[0].message_id, ids[2]);
    let nobody = other.dead_letters(&DeadLetterFilter::Subscription("nobody".into()), 0, 9);
    assert!(matches!(nobody, Err(StoreError::NoSubscription { .. })));

    assert_eq!(
        other
            .drop_dead_letters(&DeadLetterFilter::Id(listed[0].id))
            .unwrap(),
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
async fn a_folder_has_one_broker() {
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

    for other in [1, 9] {
        folder.sql(&format!("PRAGMA user_version = {other}"));
        assert!(matches!(
            Embedded::open(folder.settings()),
            Err(StoreError::Format { found, known: 5, .. }) if found == other
        ));
    }
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

/// Removes a subscription beside the running broker, which then keeps no messages for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_forgotten() {
    let folder = Folder::new();
    let broker = folder.open();
    let mut old = broker.subscribe(spec("old", &[">"])).await.unwrap();
    let mut stays = broker.subscribe(spec("stays", &[">"])).await.unwrap();
    for n in 0..3 {
        publish(&broker, "t", &n.to_string()).await;
    }
    let incoming = next(&mut old).await;
    incoming.receipt.settle(letter("no")).await.unwrap();
    let under_way = next(&mut old).await;
    let other = folder.inspect();
    let refused = other.forget("old", false).unwrap_err();
    assert!(
        matches!(
            &refused,
            StoreError::NotEmpty {
                pending: 2,
                dead_letters: 1,
                ..
            }
        ),
        "{refused}"
    );
    let nobody = other.forget("nobody", true);
    assert!(matches!(nobody, Err(StoreError::NoSubscription { .. })));
    other.forget("old", true).unwrap();

    publish(&broker, "t", "3").await;
    under_way.receipt.settle(letter("late")).await.unwrap();
    let conn = rusqlite::Connection::open(folder.0.join("bridge.db")).unwrap();
    for table in ["deliveries", "dead_letters"] {
        let of_nobody = format!(
            "SELECT count(*) FROM {table} WHERE sub NOT IN (SELECT sub FROM subscriptions)"
        );
        let rows: u32 = conn.query_row(&of_nobody, [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 0, "{table} of nobody");
    }
    let left = store(&broker).ledgers().await.unwrap();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(ledger(&broker, "stays").await.pending, 4);
    // The message is held: given back, it would be delivered again.
    let mut held = Vec::new();
    for n in 0..4 {
        held.push(next(&mut stays).await);
        assert_eq!(text(&held[n]), n.to_string());
    }

    let mut anew = broker.subscribe(spec("old", &[">"])).await.unwrap();
    let incoming = next(&mut anew).await;
    assert_eq!((text(&incoming).as_str(), incoming.attempt), ("0", 1));
    drop(next(&mut old).await);
    quiet(&mut old).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forgetting_makes_room_at_once() {
    let folder = Folder::new();
    let mut settings = folder.settings();
    settings.retention.max_size = 1500;
    let broker = Embedded::open(settings).unwrap();
    let old = broker.subscribe(spec("old", &[">"])).await.unwrap();
    assert_eq!(store(&broker).unjoined().await.unwrap(), []);
    drop(old);
    assert_eq!(store(&broker).unjoined().await.unwrap().len(), 1);
    let send = || broker.publish(Message::new("t", vec![0; 600]), None);
    send().await.unwrap();
    assert!(matches!(send().await, Err(BrokerError::Full(_))));
    folder.inspect().forget("old", true).unwrap();
    send().await.unwrap();
}

/// Opens a folder of the previous format, and upgrades it with its messages.
#[tokio::test(flavor = "multi_thread")]
async fn the_previous_format_is_upgraded() {
    let folder = Folder::new();
    let broker = folder.open();
    let mut s = broker.subscribe(spec("s", &[">"])).await.unwrap();
    publish(&broker, "t", "given up").await;
    let incoming = next(&mut s).await;
    incoming.receipt.settle(letter("no")).await.unwrap();
    publish(&broker, "t", "pending").await;
    drop(s);
    broker.close().await;
    folder.sql(
        "DROP INDEX deliveries_origin; ALTER TABLE deliveries DROP COLUMN origin;
         ALTER TABLE deliveries DROP COLUMN first_attempt;
         DROP INDEX waiting; DROP INDEX dead_letters_origin; DROP INDEX dead_letters_key;
         ALTER TABLE deliveries DROP COLUMN key; ALTER TABLE dead_letters DROP COLUMN key;
         ALTER TABLE dead_letters DROP COLUMN origin; PRAGMA user_version = 2",
    );
    assert_eq!(folder.inspect().replay(&DeadLetterFilter::All).unwrap(), 1);
    let broker = folder.open();
    let mut s = broker.subscribe(spec("s", &[">"])).await.unwrap();
    let mut found = [next(&mut s).await, next(&mut s).await].map(|one| text(&one));
    found.sort();
    assert_eq!(found, ["given up", "pending"]);
}
