//! Tests of the crash record. A process crashes when its record is left as it is:
//! nothing is dropped.

use std::mem::forget;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tempfile::TempDir;
use tokio::time::timeout;

use super::*;

const MAX: u32 = 3;

fn fingerprint(n: u64) -> Fingerprint {
    Fingerprint(n)
}

fn open(folder: &TempDir) -> CrashRecord {
    CrashRecord::open(folder.path()).unwrap()
}

/// Crashes the host while these messages are in flight together.
async fn crash(record: CrashRecord, in_flight: &[u64]) {
    for n in in_flight {
        forget(
            record
                .begin_attempt(fingerprint(*n), MAX)
                .await
                .ok()
                .unwrap(),
        );
    }
}

async fn settles(record: &CrashRecord, n: u64) {
    drop(
        record
            .begin_attempt(fingerprint(n), MAX)
            .await
            .ok()
            .unwrap(),
    );
}

#[tokio::test]
async fn a_message_alone_in_three_crashes_becomes_a_dead_letter_and_others_do_not() {
    let folder = tempfile::tempdir().unwrap();
    crash(open(&folder), &[1, 2, 3]).await;
    for _ in 0..MAX {
        let record = open(&folder);
        for n in [1, 3] {
            settles(&record, n).await;
        }
        crash(record, &[2]).await;
    }
    let record = open(&folder);
    settles(&record, 1).await;
    let given_up = record
        .begin_attempt(fingerprint(2), MAX)
        .await
        .err()
        .unwrap();
    assert_eq!(
        given_up.to_string(),
        "the host crashed 3 times while this message was the only one in flight"
    );
    // After a replay, the message begins without a history.
    settles(&record, 2).await;
    assert!(!record.0.has_suspects.load(Relaxed));
}

#[tokio::test]
async fn a_suspect_is_attempted_alone() {
    let folder = tempfile::tempdir().unwrap();
    crash(open(&folder), &[1, 2]).await;
    let record = open(&folder);
    let other = record
        .begin_attempt(fingerprint(9), MAX)
        .await
        .ok()
        .unwrap();
    let suspect = record.begin_attempt(fingerprint(1), MAX);
    tokio::pin!(suspect);
    assert!(suspect.as_mut().now_or_never().is_none(), "beside another");
    drop(other);
    let suspect = suspect.await.ok().unwrap();
    for n in [2, 9] {
        assert!(
            record
                .begin_attempt(fingerprint(n), MAX)
                .now_or_never()
                .is_none()
        );
    }
    drop(suspect);
    settles(&record, 2).await;
    // No suspect is left, so no attempt waits for another.
    let held = [10, 11].map(|n| record.begin_attempt(fingerprint(n), MAX).now_or_never());
    assert!(held.iter().all(|recorded| matches!(recorded, Some(Ok(_)))));
}

/// A hanging endpoint after a crash must not delay other attempts.
#[tokio::test(start_paused = true)]
async fn slow_suspects_and_slow_attempts_hold_up_no_other() {
    let folder = tempfile::tempdir().unwrap();
    crash(open(&folder), &[1, 2, 3, 4, 5, 6]).await;
    let record = open(&folder);
    let hang = |n| {
        let record = record.clone();
        tokio::spawn(async move {
            let mut recorded = record
                .begin_attempt(fingerprint(n), MAX)
                .await
                .ok()
                .unwrap();
            recorded.run(std::future::pending::<()>()).await;
        })
    };
    let hanging = [1, 2, 3, 4, 5, 6].map(hang);
    tokio::task::yield_now().await;
    let began = tokio::time::Instant::now();
    settles(&record, 10).await;
    assert!(began.elapsed() <= 3 * MAX_WAIT, "{:?}", began.elapsed());
    tokio::time::sleep(10 * MAX_WAIT).await;
    assert!(
        !record.0.has_suspects.load(Relaxed),
        "each has had its exclusive time"
    );
    hanging.iter().for_each(|task| task.abort());
}

/// An attempt that has been running for long is not the cause of a crash.
#[tokio::test(start_paused = true)]
async fn the_message_that_crashes_the_host_is_found_beside_long_attempts() {
    let folder = tempfile::tempdir().unwrap();
    crash(open(&folder), &[1, 2]).await;
    for _ in 0..MAX {
        let record = open(&folder);
        let mut old = record
            .begin_attempt(fingerprint(1), MAX)
            .await
            .ok()
            .unwrap();
        let pending = old.run(std::future::pending::<()>());
        assert!(timeout(400 * MAX_WAIT, pending).await.is_err());
        forget(old);
        crash(record, &[2]).await;
    }
    let record = open(&folder);
    settles(&record, 1).await;
    assert!(record.begin_attempt(fingerprint(2), MAX).await.is_err());
}

#[test]
fn the_exclusive_time_grows_to_minutes() {
    let times = [0, 1, 2, 3, 6, u8::MAX].map(|crashes| exclusive_time(crashes).as_millis());
    assert_eq!(times, [250, 250, 1_000, 4_000, 256_000, 256_000]);
}

#[tokio::test]
async fn a_suspect_that_was_not_attempted_stays_one() {
    let folder = tempfile::tempdir().unwrap();
    crash(open(&folder), &[1, 2]).await;
    crash(open(&folder), &[2]).await;
    let record = open(&folder);
    let suspects = record.0.suspects();
    let lone = |n| {
        suspects
            .get(&fingerprint(n))
            .map(|it| it.entry.lone_crashes)
    };
    assert_eq!([lone(1), lone(2)], [Some(0), Some(1)]);
}

#[tokio::test]
async fn a_message_in_flight_at_an_orderly_stop_is_no_suspect() {
    let folder = tempfile::tempdir().unwrap();
    let record = open(&folder);
    record.mark_stopping();
    crash(record, &[1]).await;
    assert!(!open(&folder).0.has_suspects.load(Relaxed));
}

#[tokio::test]
async fn a_file_in_another_format_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bridge.in-flight");
    for garbage in [&b"x"[..], &[0xff; 100], &[0; 4096]] {
        std::fs::write(&file, garbage).unwrap();
        assert!(!open(&folder).0.has_suspects.load(Relaxed));
        assert_eq!(std::fs::metadata(&file).unwrap().len(), 16);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_are_reused() {
    let folder = tempfile::tempdir().unwrap();
    let record = Arc::new(open(&folder));
    let tasks = (0..8).map(|task| {
        let record = record.clone();
        tokio::spawn(async move {
            for n in 0..1000 {
                settles(&record, 1 + task * 1000 + n).await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        let done = timeout(Duration::from_secs(60), task).await;
        done.unwrap().unwrap();
    }
    let length = std::fs::metadata(folder.path().join("bridge.in-flight"))
        .unwrap()
        .len();
    assert!(length <= 9 * 16, "{length}");
}
