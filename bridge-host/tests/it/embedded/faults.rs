//! Killed processes, full disks and failing ones.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use bridge_host::broker::embedded::{Embedded, Settings};
use bridge_host::broker::{Broker, BrokerError, Settlement};
use bridge_host::message::Message;

use super::support::{Folder, ledger, letter, next, publish, quiet, spec, until};

/// Run by [`killed_at_any_instant`] in a process of its own: publishes, and
/// prints the ids of what is durable.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a part of killed_at_any_instant"]
async fn publish_until_killed() {
    let Some(path) = std::env::var_os("BRIDGE_TEST_FOLDER") else {
        return;
    };
    let path = PathBuf::from(path);
    let settings = Settings {
        path,
        ..Settings::default()
    };
    let broker = Arc::new(Embedded::open(settings).unwrap());
    let mut s = broker.subscribe(spec("s", &[">"])).await.unwrap();
    for _ in 0..16 {
        let broker = Arc::clone(&broker);
        tokio::spawn(async move {
            loop {
                let id = publish(&broker, "t", "x").await;
                println!("published {id}");
            }
        });
    }
    loop {
        let incoming = next(&mut s).await;
        println!("delivered {}", incoming.id);
        let settlement = Settlement::Delivered;
        incoming.receipt.settle(settlement).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_instant() {
    let folder = Folder::new();
    let (mut published, mut delivered) = (BTreeSet::new(), BTreeSet::new());
    let mut accepted = 0;
    for round in 1..=5 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["publish_until_killed", "--ignored", "--nocapture"])
            .env("BRIDGE_TEST_FOLDER", &folder.0)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut take = |line: std::io::Result<String>| {
            let line = line.unwrap();
            match line.split_once(' ') {
                Some(("published", id)) => published.insert(id.to_owned()),
                Some(("delivered", id)) => delivered.insert(id.to_owned()),
                _ => false,
            }
        };
        lines.by_ref().take(round * 1500).for_each(|line| {
            take(line);
        });
        child.kill().unwrap();
        lines.for_each(|line| {
            take(line);
        });
        child.wait().unwrap();
        let broker = folder.open();
        let ledger = ledger(&broker, "s").await;
        assert!(ledger.accepted > accepted);
        accepted = ledger.accepted;
    }
    let broker = folder.open();
    let mut s = broker.subscribe(spec("s", &[">"])).await.unwrap();
    for _ in 0..ledger(&broker, "s").await.pending {
        let incoming = next(&mut s).await;
        delivered.insert(incoming.id.to_string());
        let settlement = Settlement::Delivered;
        incoming.receipt.settle(settlement).await.unwrap();
    }
    quiet(&mut s).await;
    let lost = published.difference(&delivered).count();
    assert_eq!((lost, published.len() > 5000), (0, true));
}

/// A file system of a given size, where the tests may make one.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(path: &Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(path).unwrap();
        let options = format!("size={size}");
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(path);
        let mounted = mount.stderr(Stdio::null()).status();
        mounted
            .is_ok_and(|status| status.success())
            .then(|| Self(path.into()))
    }

    fn grow(&self, size: &str) {
        let options = format!("remount,size={size}");
        let mut mount = Command::new("mount");
        let grown = mount.args(["-o", &options]).arg(&self.0).status();
        assert!(grown.unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_nothing_and_passes() {
    let folder = Folder::new();
    let Some(disk) = SmallDisk::mount(&folder.0, "6m") else {
        eprintln!("not run: it takes the right to mount a tmpfs");
        return;
    };
    let broker = Arc::new(folder.open());
    let mut s = broker.subscribe(spec("s", &[">"])).await.unwrap();
    let mut accepted = BTreeSet::new();
    let full = loop {
        let message = Message::new("t", vec![b'x'; 10_000]);
        match broker.publish(message, None).await {
            Ok(published) => accepted.insert(published.id),
            Err(error) => break error,
        };
    };
    assert!(matches!(full, BrokerError::Full(_)), "{full:?}");
    assert!(accepted.len() > 100);

    let first = next(&mut s).await;
    let mut given = BTreeSet::from([first.id.clone()]);
    let buried = tokio::spawn(first.receipt.settle(letter("no")));
    while given.len() < accepted.len() {
        let incoming = next(&mut s).await;
        given.insert(incoming.id);
        let settlement = Settlement::Delivered;
        incoming.receipt.settle(settlement).await.unwrap();
    }
    assert_eq!(given, accepted);
    quiet(&mut s).await;

    disk.grow("64m");
    buried.await.unwrap().unwrap();
    let end = until(&broker, "s", |l| l.pending == 0).await;
    assert_eq!(end.delivered, accepted.len() as u64 - 1);
    let id = publish(&broker, "t", "again").await;
    assert_eq!(next(&mut s).await.id, id);
    drop((s, broker));
}

/// Run by [`a_failing_disk_stops_the_broker`] in a process whose files may not
/// grow beyond a limit.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a part of a_failing_disk_stops_the_broker"]
async fn publish_until_refused() {
    let Some(path) = std::env::var_os("BRIDGE_TEST_FOLDER") else {
        return;
    };
    let path = PathBuf::from(path);
    let settings = Settings {
        path: path.clone(),
        ..Settings::default()
    };
    let broker = Embedded::open(settings).unwrap();
    let mut s = broker.subscribe(spec("s", &[">"])).await.unwrap();
    publish(&broker, "t", "1").await;
    let incoming = next(&mut s).await;
    let message = Message::new("t", vec![b'x'; 4 << 20]);
    let error = broker.publish(message, None).await.unwrap_err();
    let BrokerError::Unavailable(why) = &error else {
        panic!("{error:?}");
    };
    assert!(why.contains(path.to_str().unwrap()), "{why}");
    let small = broker.publish(Message::new("t", ""), None).await;
    assert_eq!(small, Err(error.clone()));
    assert_eq!(s.next().await.err(), Some(error.clone()));
    let settled = incoming.receipt.settle(Settlement::Delivered).await;
    assert_eq!(settled.map_err(|failed| failed.error), Err(error));
    broker.close().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_failing_disk_stops_the_broker() {
    let folder = Folder::new();
    let limited = "trap '' XFSZ; ulimit -f 2048; exec \"$0\" publish_until_refused --ignored";
    let child = Command::new("sh")
        .args(["-c", limited])
        .arg(std::env::current_exe().unwrap())
        .env("BRIDGE_TEST_FOLDER", &folder.0)
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{output}");
    assert!(output.contains("1 passed"), "{output}");
    let broker = folder.open();
    assert_eq!(ledger(&broker, "s").await.pending, 1);
}
