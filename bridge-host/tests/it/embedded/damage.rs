//! A store that is deleted or damaged while it runs: the store notices it, accepts no more
//! messages, and delivers those that can be read.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use bridge_host::broker::{Broker, BrokerError, DeadLetterFilter, Settlement};
use bridge_host::message::Message;

use super::support::{Folder, in_order, ledger, next, publish, quiet, spec, text, until};

/// Opens a broker whose messages are in the database, not only in its WAL.
async fn with_messages(folder: &Folder) {
    let broker = folder.open();
    let _s = broker.subscribe(spec("s", &[">"])).await.unwrap();
    for n in 0..20 {
        publish(&broker, "t", &n.to_string()).await;
    }
    broker.close().await;
}

/// Checks that no message is accepted after `damage`.
async fn is_noticed(what: &str, at_once: bool, damage: impl Fn(&Path)) {
    let folder = Folder::new();
    with_messages(&folder).await;
    let broker = folder.open();
    assert_eq!(broker.trouble(), None);
    damage(&folder.0);
    while !at_once && broker.trouble().is_none() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let refused = broker.publish(Message::new("t", "lost"), None).await;
    assert!(
        matches!(refused, Err(BrokerError::Unavailable(_))),
        "{what}: {refused:?}"
    );
    let trouble = broker.trouble().expect("it is not ready");
    assert!(trouble.contains(what), "{what}: {trouble}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_store_accepts_no_messages() {
    let file = |folder: &Path| folder.join("bridge.db");
    is_noticed("was deleted", true, |folder| {
        fs::remove_dir_all(folder).unwrap()
    })
    .await;
    is_noticed("was deleted", true, |folder| {
        fs::remove_file(file(folder)).unwrap()
    })
    .await;
    is_noticed("bridge.db-wal was deleted", true, |folder| {
        fs::remove_file(folder.join("bridge.db-wal")).unwrap();
    })
    .await;
    is_noticed("was replaced", true, |folder| {
        fs::copy(file(folder), folder.join("copy")).unwrap();
        fs::rename(folder.join("copy"), file(folder)).unwrap();
    })
    .await;
    is_noticed("storage failed", true, |folder| {
        fs::File::options()
            .write(true)
            .open(file(folder))
            .unwrap()
            .set_len(0)
            .unwrap();
    })
    .await;
    is_noticed("was overwritten", false, |folder| {
        let file = fs::File::options().write(true).open(file(folder)).unwrap();
        file.write_all_at(&[0; 4096], 0).unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_message_does_not_stop_its_subscription() {
    for ordered in [false, true] {
        let folder = Folder::new();
        let broker = folder.open();
        let spec = if ordered {
            in_order("s")
        } else {
            spec("s", &[">"])
        };
        let mut s = broker.subscribe(spec).await.unwrap();
        for n in 1..=5 {
            publish(&broker, "t", &n.to_string()).await;
        }
        folder.sql("UPDATE messages SET metadata = '{' WHERE seq = 2; UPDATE messages SET id = '' WHERE seq = 4");
        let mut delivered = Vec::new();
        for _ in 0..3 {
            let incoming = next(&mut s).await;
            delivered.push(text(&incoming));
            incoming
                .receipt
                .settle(Settlement::Delivered)
                .await
                .unwrap();
        }
        // One of them may have been read before the damage.
        let end = until(&broker, "s", |it| it.pending == 0).await;
        assert_eq!((end.delivered, end.dead_lettered), (3, 2), "{end:?}");
        assert_eq!(delivered, ["1", "3", "5"]);
        let letters = folder
            .inspect()
            .dead_letters(&DeadLetterFilter::All, 0, 9)
            .unwrap();
        assert_eq!(letters.len(), 2);
        for letter in letters {
            let reason = &letter.letter.reason;
            assert!(
                reason.starts_with("the stored message cannot be read: "),
                "{reason}"
            );
            folder.inspect().dead_letter(letter.id).unwrap();
        }
        quiet(&mut s).await;
    }
}

/// Breaks the chain of pages with the data of a large message.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_page_loses_only_its_message() {
    let folder = Folder::new();
    let broker = folder.open();
    let s = broker.subscribe(spec("s", &[">"])).await.unwrap();
    publish(&broker, "t", "first").await;
    publish(&broker, "t", &"z".repeat(100_000)).await;
    publish(&broker, "t", "last").await;
    drop(s);
    broker.close().await;
    let file = folder.0.join("bridge.db");
    let bytes = fs::read(&file).unwrap();
    let full = |page: &[u8]| page[4..].iter().all(|byte| *byte == b'z');
    let page = bytes.chunks(4096).position(full).expect("a page of data");
    let file = fs::File::options().write(true).open(&file).unwrap();
    file.write_all_at(&[0xff; 4], page as u64 * 4096).unwrap();

    let broker = folder.open();
    let mut s = broker.subscribe(spec("s", &[">"])).await.unwrap();
    for expected in ["first", "last"] {
        let incoming = next(&mut s).await;
        assert_eq!(text(&incoming), expected);
        incoming
            .receipt
            .settle(Settlement::Delivered)
            .await
            .unwrap();
    }
    until(&broker, "s", |it| it.pending == 0 && it.dead_lettered == 1).await;
    let letters = folder
        .inspect()
        .dead_letters(&DeadLetterFilter::All, 0, 9)
        .unwrap();
    let shown = folder.inspect().dead_letter(letters[0].id).unwrap();
    assert!(
        shown.letter.reason.contains("malformed"),
        "{}",
        shown.letter.reason
    );
    assert_eq!((shown.size, shown.message.data.len()), (100_001, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_acknowledgement_is_retried() {
    let folder = Folder::new();
    let broker = folder.open();
    let mut s = broker.subscribe(spec("s", &[">"])).await.unwrap();
    publish(&broker, "t", "1").await;
    publish(&broker, "t", "2").await;
    folder.sql(
        "CREATE TRIGGER no BEFORE DELETE ON deliveries WHEN old.seq = 1
         BEGIN SELECT RAISE(ABORT, 'no'); END",
    );
    for _ in 0..2 {
        let incoming = next(&mut s).await;
        incoming
            .receipt
            .settle(Settlement::Delivered)
            .await
            .unwrap();
    }
    until(&broker, "s", |it| it.delivered == 1).await;
    quiet(&mut s).await;
    folder.sql("DROP TRIGGER no");
    until(&broker, "s", |it| it.delivered == 2).await;
    quiet(&mut s).await;
    assert_eq!(ledger(&broker, "s").await.pending, 0);
}
