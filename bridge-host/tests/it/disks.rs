//! The bridge on disks that fail it: one that is full, and one that takes no
//! more writes. What it accepted is delivered all the same.

use std::collections::HashSet;
use std::process::{Command, Stdio};
use std::sync::Arc;

use tempfile::TempDir;

use crate::harness::{Bridge, Endpoint, Reply, binary, request, until};

/// A folder with a config in which each message of `poison` is given up at once.
fn folder(endpoint: &Endpoint) -> Arc<TempDir> {
    let folder = tempfile::tempdir().expect("a folder");
    let config = format!(
        "intake = {{ address = \"127.0.0.1:0\" }}\n\
         [[subscriptions]]\nname = \"all\"\ntopics = [\">\"]\nto = {:?}\n",
        endpoint.url("/")
    );
    std::fs::create_dir(folder.path().join("bridge-data")).expect("a folder");
    std::fs::write(folder.path().join("bridge.toml"), config).expect("a file");
    Arc::new(folder)
}

async fn endpoint() -> Endpoint {
    Endpoint::start(|received, _| Reply::status(if received.body == "poison" { 400 } else { 204 }))
        .await
}

/// Starts the bridge by a shell that gets the binary as `$0`, and tells the
/// process's number.
async fn start(command: &mut Command, script: &str, folder: Arc<TempDir>) -> (Bridge, u32) {
    let child = command
        .args(["-c", script])
        .arg(binary())
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a shell");
    let process = child.id();
    (Bridge::attach(child, folder).await, process)
}

/// Publishes until it is refused: the ids that were not, and the refusal.
async fn fill(bridge: &Bridge) -> (HashSet<String>, u16) {
    let mut accepted = HashSet::new();
    loop {
        let answer = bridge.publish("load", &[], vec![b'x'; 64 << 10]).await;
        match answer.status {
            202 => accepted.insert(answer.json()["id"].as_str().expect("an id").to_owned()),
            status => return (accepted, status),
        };
        assert!(
            accepted.len() < 4000,
            "a disk of 24 MiB has room for 250 MiB"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_passes() {
    let endpoint = endpoint().await;
    let folder = folder(&endpoint);
    // A small disk of its own, in a mount namespace that ends with the bridge.
    let script = "mount -t tmpfs -o size=24m none bridge-data \
                  && head -c 8m /dev/zero > bridge-data/ballast \
                  && exec \"$0\" run bridge.toml";
    let mut unshare = Command::new("unshare");
    unshare.args(["--map-root-user", "--mount", "sh"]);
    let ballast = folder.path().join("bridge-data/ballast");
    let (bridge, process) = start(&mut unshare, script, folder).await;

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
    // No file may grow beyond 4 MiB: to SQLite that is a failed write.
    let script = "trap '' XFSZ; ulimit -f 8192; exec \"$0\" run bridge.toml";
    let (bridge, _) = start(&mut Command::new("sh"), script, folder).await;
    let (accepted, status) = fill(&bridge).await;
    assert_eq!(status, 503);
    let small = bridge.publish("load", &[], "x").await;
    assert_eq!(
        small.status, 503,
        "the store may be torn: nothing more is taken"
    );
    let why = small.json()["error"].to_string();
    assert!(why.contains("bridge-data"), "{why}");
    let ready = request(bridge.intake, "GET", "/readyz", &[], "").await;
    let ready = ready.expect("an answer");
    assert_eq!(
        ready.status, 503,
        "a bridge that takes nothing is not ready"
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
