//! The bridge on failing disks: a full disk, and a disk that rejects writes.
//! Accepted messages are delivered nevertheless.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::harness::{Answer, Bridge, Config, Endpoint, Reply, binary, request, until};

/// Returns a folder with a config in which each message of `poison` becomes a
/// dead letter at once.
fn folder(endpoint: &Endpoint) -> Arc<TempDir> {
    let folder = tempfile::tempdir().expect("a folder");
    let intake = "intake = { address = \"127.0.0.1:0\" }\n";
    let config = format!("{intake}{}", Config::all(endpoint));
    std::fs::create_dir(folder.path().join("bridge-data")).expect("a folder");
    std::fs::write(folder.path().join("bridge.toml"), config).expect("a file");
    Arc::new(folder)
}

async fn endpoint() -> Endpoint {
    Endpoint::start(|received, _| Reply::status(if received.body == "poison" { 400 } else { 204 }))
        .await
}

/// Publishes until a message is refused, and returns the accepted ids and the
/// refusal's status.
async fn fill(bridge: &Bridge) -> (HashSet<String>, u16) {
    let mut accepted = HashSet::new();
    loop {
        let answer = bridge.publish("load", &[], vec![b'x'; 64 << 10]).await;
        match answer.status {
            202 => accepted.insert(answer.json()["id"].as_str().expect("an id").to_owned()),
            status => return (accepted, status),
        };
        assert!(accepted.len() < 4000, "a disk of 24 MiB holds 250 MiB");
    }
}

/// A small disk mounted below a folder, until this value is dropped.
struct Disk {
    holder: Child,
    folder: Arc<TempDir>,
}

impl Disk {
    fn mount(folder: Arc<TempDir>, size: &str) -> Self {
        let script = format!(
            "mount -t tmpfs -o size={size} none bridge-data && echo mounted && exec sleep 3600"
        );
        let mut holder = Command::new("unshare")
            .args(["--map-root-user", "--mount", "sh", "-c", &script])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a mount namespace");
        let stdout = BufReader::new(holder.stdout.take().expect("stdout"));
        let mounted = stdout.lines().next().expect("a line").expect("text");
        assert_eq!(mounted, "mounted");
        Self { holder, folder }
    }

    /// Starts the bridge with this disk.
    async fn start(&self) -> Bridge {
        let mut nsenter = Command::new("nsenter");
        let holder = self.holder.id().to_string();
        nsenter.args(["--target", &holder, "--user", "--mount"]);
        nsenter.args(["--preserve-credentials", "sh"]);
        let script = format!("cd {:?} && exec \"$0\" run bridge.toml", self.folder.path());
        Bridge::start_by(&mut nsenter, &script, self.folder.clone())
            .await
            .0
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

async fn readiness(bridge: &Bridge) -> Answer {
    let ready = request(bridge.intake, "GET", "/readyz", &[], "").await;
    ready.expect("an answer")
}

/// The endpoint is dead while the disk fills, and returns. All messages are
/// settled, none is repeated, and in the end the disk has space.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_does_not_stop_deliveries() {
    let alive = Arc::new(AtomicBool::new(false));
    let taken: Arc<Mutex<HashMap<String, u32>>> = Arc::default();
    let (answers, counts) = (alive.clone(), taken.clone());
    let endpoint = Endpoint::start(move |received, _| {
        if !answers.load(Ordering::Relaxed) {
            return Reply::status(503);
        }
        *counts.lock().unwrap().entry(received.id()).or_default() += 1;
        Reply::status(204)
    })
    .await;
    let folder = folder(&endpoint);
    let config = folder.path().join("bridge.toml");
    let text = std::fs::read_to_string(&config).expect("the config")
        + "retry = { initial_delay = \"50ms\", max_delay = \"500ms\", max_attempts = 1000000 }\n";
    std::fs::write(&config, text).expect("a file");
    let disk = Disk::mount(folder, "24m");
    let bridge = disk.start().await;

    let (accepted, status) = fill(&bridge).await;
    assert_eq!(status, 507);
    let ready = until("a report of the full disk", || async {
        let ready = readiness(&bridge).await;
        (ready.status == 503).then_some(ready)
    });
    let reason = ready.await.json()["reason"].to_string();
    assert!(reason.contains("bridge-data is full"), "{reason}");

    alive.store(true, Ordering::Relaxed);
    let settled = bridge.ledger_when("all", |it| it.pending == 0).await;
    assert!(settled.balances(), "{settled:?}");
    assert_eq!(settled.delivered as usize, accepted.len());
    let taken = || taken.lock().unwrap().clone();
    let twice = taken().into_iter().filter(|(_, count)| *count > 1).count();
    assert_eq!((taken().len(), twice), (accepted.len(), 0));
    until("room on the disk", || async {
        (readiness(&bridge).await.status == 200).then_some(())
    })
    .await;
    let log = bridge.log().join("\n");
    for end in ["not ready: the disk", "the trouble has ended"] {
        assert_eq!(log.matches(end).count(), 1, "{end}: {log}");
    }

    let begun = Instant::now();
    assert!(bridge.stop().0.success());
    assert!(begun.elapsed() < Duration::from_secs(10), "a slow stop");
    let bridge = disk.start().await;
    bridge.accept("load", &[], "last").await;
    let settled = bridge.ledger_when("all", |it| it.pending == 0).await;
    assert_eq!(settled.delivered as usize, accepted.len() + 1);
    assert_eq!(
        taken().len(),
        accepted.len() + 1,
        "settled messages were repeated"
    );
}

/// Whatever the umask, other users cannot read the store.
#[tokio::test(flavor = "multi_thread")]
async fn other_users_cannot_read_the_store() {
    let endpoint = endpoint().await;
    let folder = folder(&endpoint);
    let data = folder.path().join("bridge-data");
    std::fs::remove_dir(&data).expect("an empty folder");
    let script = "umask 000; exec \"$0\" run bridge.toml";
    let (bridge, _) = Bridge::start_by(&mut Command::new("sh"), script, folder).await;
    bridge.accept("load", &[], "x").await;
    let mode = |path: &Path| path.metadata().expect("a file").permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    let files = std::fs::read_dir(&data).expect("a folder").flatten();
    let modes: Vec<_> = files
        .map(|file| (file.file_name(), mode(&file.path())))
        .collect();
    assert!(modes.len() >= 5, "{modes:?}");
    assert!(modes.iter().all(|(_, mode)| *mode == 0o600), "{modes:?}");
}

/// At `retention.max_size` the bridge is not ready, and says so once. It is ready
/// again when the dead letters that took the space are gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_at_its_size_limit_is_not_ready() {
    let endpoint = Endpoint::start(|_, _| Reply::status(400)).await;
    let limit = "connections.embedded.retention.max_size = \"1MiB\"";
    let bridge = Bridge::start_with(limit, &Config::all(&endpoint)).await;
    let (accepted, status) = fill(&bridge).await;
    assert_eq!(status, 507);
    bridge.publish("load", &[], vec![b'x'; 64 << 10]).await;
    let ready = readiness(&bridge).await;
    let reason = ready.json()["reason"].to_string();
    assert_eq!(ready.status, 503);
    for part in ["refuses messages", "at most 1048576", "max_size"] {
        assert!(reason.contains(part), "{reason}");
    }
    let count = accepted.len() as u64;
    bridge
        .ledger_when("all", |it| it.dead_lettered == count)
        .await;
    // A search without a result is not repeated until another process frees
    // space.
    until("a search without a result", || async {
        let refused = bridge.publish("load", &[], vec![b'x'; 64 << 10]).await;
        let body = String::from_utf8_lossy(&refused.body).into_owned();
        body.contains("all of its messages are pending")
            .then_some(())
    })
    .await;
    let dropped = Command::new(binary())
        .args(["dead-letters", "drop", "--all", "--yes"])
        .current_dir(bridge.folder.path())
        .output()
        .expect("the command");
    assert!(dropped.status.success(), "{dropped:?}");
    until("room", || async {
        (readiness(&bridge).await.status == 200).then_some(())
    })
    .await;
    let log = bridge.log().join("\n");
    for end in ["refuses messages", "the trouble has ended"] {
        assert_eq!(log.matches(end).count(), 1, "{end}: {log}");
    }
    bridge.accept("load", &[], vec![b'x'; 64 << 10]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_goes_on_once_the_disk_has_room() {
    let endpoint = endpoint().await;
    let folder = folder(&endpoint);
    // A small disk in a mount namespace that ends with the bridge.
    let script = "mount -t tmpfs -o size=24m none bridge-data \
                  && head -c 8m /dev/zero > bridge-data/ballast \
                  && exec \"$0\" run bridge.toml";
    let mut unshare = Command::new("unshare");
    unshare.args(["--map-root-user", "--mount", "sh"]);
    let ballast = folder.path().join("bridge-data/ballast");
    let (bridge, process) = Bridge::start_by(&mut unshare, script, folder).await;

    let (mut accepted, status) = fill(&bridge).await;
    assert_eq!(status, 507);
    std::fs::remove_file(format!("/proc/{process}/root{}", ballast.display())).expect("ballast");
    for data in ["room again", "poison"] {
        let id = until("room again", || async {
            let answer = bridge.publish("load", &[], data).await;
            let id = || answer.json()["id"].as_str().expect("an id").to_owned();
            (answer.status == 202).then(id)
        });
        accepted.insert(id.await);
    }
    let ledger = bridge
        .ledger_when("all", |ledger| ledger.pending == 0)
        .await;
    assert!(ledger.balances(), "{ledger:?}");
    assert_eq!(
        (ledger.accepted as usize, ledger.dead_lettered),
        (accepted.len(), 1)
    );
    let arrived: HashSet<_> = endpoint.received().iter().map(|one| one.id()).collect();
    assert!(accepted.is_subset(&arrived));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_disk_stops_the_intake() {
    let endpoint = endpoint().await;
    let folder = folder(&endpoint);
    // No file may grow beyond 4 MiB, which SQLite sees as a failed write.
    let script = "trap '' XFSZ; ulimit -f 8192; exec \"$0\" run bridge.toml";
    let (bridge, _) = Bridge::start_by(&mut Command::new("sh"), script, folder).await;
    let (accepted, status) = fill(&bridge).await;
    assert_eq!(status, 503);
    let small = bridge.publish("load", &[], "x").await;
    assert_eq!(
        small.status, 503,
        "the store may be damaged: no message is accepted"
    );
    let why = small.json()["error"].to_string();
    assert!(why.contains("bridge-data"), "{why}");
    let ready = request(bridge.intake, "GET", "/readyz", &[], "").await;
    let ready = ready.expect("an answer");
    assert_eq!(
        ready.status, 503,
        "a bridge that accepts nothing is not ready"
    );
    assert_eq!(ready.json()["status"], "not ready");

    let bridge = Bridge::start_in(bridge.kill()).await;
    let ledger = bridge
        .ledger_when("all", |ledger| ledger.pending == 0)
        .await;
    assert!(ledger.balances(), "{ledger:?}");
    let arrived: HashSet<_> = endpoint.received().iter().map(|one| one.id()).collect();
    assert!(accepted.is_subset(&arrived));
}
