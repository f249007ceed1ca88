//! Power cuts: which acknowledged messages a broker still has afterwards. The tests need root for a
//! disk; `cargo xtask faults` runs them.

use std::collections::HashSet;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use async_nats::jetstream;

use crate::harness::{Bridge, Disk, Endpoint, NatsVersion, Reply, ReservedAddress, binary, until};

const MESSAGES: usize = 1000;
const PUBLISHERS: usize = 16;

/// Returns a disk, or prints why this machine has none.
fn disk(what: &str) -> Option<Disk> {
    Disk::new()
        .inspect_err(|why| {
            println!("power cut, {what}: skipped, as this machine has no disk to cut off ({why})")
        })
        .ok()
}

struct Server<'a> {
    disk: &'a Disk,
    version: NatsVersion,
    port: ReservedAddress,
    child: Child,
}

impl<'a> Server<'a> {
    async fn start(disk: &'a Disk, version: NatsVersion, more: &str) -> Self {
        let port = ReservedAddress::new();
        let store = disk.path().join("store");
        let config = format!(
            "listen: \"{}\"\njetstream {{ store_dir: {:?}\n{more} }}\n",
            port.address,
            store.display().to_string()
        );
        let file = disk.path().with_file_name("server.conf");
        std::fs::write(&file, config).expect("a file");
        let child = Self::spawn(disk, version);
        let server = Self {
            disk,
            version,
            port,
            child,
        };
        server.listens().await;
        server
    }

    fn spawn(disk: &Disk, version: NatsVersion) -> Child {
        let mut command = disk.command(version.program());
        command
            .arg("-c")
            .arg(disk.path().with_file_name("server.conf"));
        let command = command.stdin(Stdio::null()).stdout(Stdio::null());
        command
            .stderr(Stdio::null())
            .spawn()
            .expect("nats-server runs")
    }

    async fn listens(&self) {
        let address = self.port.address;
        until("nats-server", || async {
            tokio::net::TcpStream::connect(address).await.ok()
        })
        .await;
    }

    async fn context(&self) -> jetstream::Context {
        let client = async_nats::connect(self.port.address.to_string()).await;
        jetstream::new(client.expect("a connection"))
    }

    async fn cut(&mut self) {
        self.disk.cut();
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.disk.back();
        self.child = Self::spawn(self.disk, self.version);
        self.listens().await;
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns how many acknowledged messages are left after a power cut.
async fn left(version: NatsVersion, what: &str, more: &str) -> Option<u64> {
    let disk = disk(what)?;
    let mut server = Server::start(&disk, version, more).await;
    let context = server.context().await;
    let config = jetstream::stream::Config {
        name: "orders".into(),
        subjects: vec!["orders.>".into()],
        ..Default::default()
    };
    context.create_stream(config).await.expect("a stream");
    for n in 0..MESSAGES {
        let sent = context.publish("orders.new", format!("{n}").into()).await;
        sent.expect("sent").await.expect("acknowledged");
    }
    server.cut().await;
    let left = match server.context().await.get_stream("orders").await {
        Ok(stream) => stream.cached_info().state.messages,
        Err(_) => 0,
    };
    println!("power cut, {what}: {MESSAGES} acknowledged, {left} left");
    Some(left)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root and a disk of its own: cargo xtask faults"]
async fn jetstream_at_its_defaults_loses_acknowledged_messages() {
    for version in [NatsVersion::System, NatsVersion::Current] {
        let what = format!("the {version:?} nats-server at defaults");
        let left = left(version, &what, "").await;
        // The guide says so. If the server kept them, `sync_interval: always` would be needless.
        assert!(left.is_none_or(|left| left < MESSAGES as u64), "{left:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root and a disk of its own: cargo xtask faults"]
async fn jetstream_with_sync_always_keeps_acknowledged_messages() {
    let what = "the Current nats-server with sync_interval: always";
    let left = left(NatsVersion::Current, what, "sync_interval: always").await;
    assert!(left.is_none_or(|left| left == MESSAGES as u64), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root and a disk of its own: cargo xtask faults"]
async fn the_embedded_broker_keeps_acknowledged_messages() {
    let Some(disk) = disk("the embedded broker") else {
        return;
    };
    let up = Arc::new(AtomicBool::new(false));
    let answers = up.clone();
    let endpoint =
        Endpoint::start(move |_, _| Reply::status(if answers.load(Relaxed) { 204 } else { 503 }))
            .await;
    let folder = Arc::new(tempfile::tempdir().expect("a folder"));
    let config = format!(
        "intake = {{ address = \"127.0.0.1:0\" }}\n[connections.embedded]\ntype = \"embedded\"\npath = {:?}\n\
         [[subscriptions]]\nname = \"orders\"\ntopics = [\"orders.>\"]\nto = {:?}\n\
         retry = {{ initial_delay = \"1s\", max_delay = \"1s\" }}\n",
        disk.path().join("data").display().to_string(),
        endpoint.url("/")
    );
    std::fs::write(folder.path().join("bridge.toml"), config).expect("a file");
    let start = async || {
        let mut command = disk.command(binary());
        command
            .arg("run")
            .arg(folder.path().join("bridge.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command.spawn().expect("the bridge starts");
        Bridge::attach(child, folder.clone()).await
    };
    let bridge = Arc::new(start().await);
    let goes_on = Arc::new(AtomicBool::new(true));
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|n| publish(n, &bridge, &goes_on))
        .collect();
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    disk.cut();
    goes_on.store(false, Relaxed);
    let mut accepted = HashSet::new();
    for publisher in publishers {
        accepted.extend(publisher.await.expect("no panic"));
    }
    let bridge = Arc::into_inner(bridge).expect("no publisher is left");
    drop(bridge.kill());
    disk.back();
    up.store(true, Relaxed);
    let before = endpoint.received().len();
    let bridge = start().await;
    until("the rest", async || {
        let ledger = bridge.ledger("orders").await;
        (ledger.pending == 0).then_some(())
    })
    .await;
    let after: HashSet<_> = endpoint.received()[before..]
        .iter()
        .map(|one| one.id())
        .collect();
    let lost = accepted.difference(&after).count();
    println!(
        "power cut, the embedded broker with {PUBLISHERS} publishers: {} acknowledged, {} left",
        accepted.len(),
        after.len()
    );
    assert_eq!(lost, 0);
}

/// Publishes until the power cut. Returns the acknowledged ids.
fn publish(
    publisher: usize,
    bridge: &Arc<Bridge>,
    goes_on: &Arc<AtomicBool>,
) -> tokio::task::JoinHandle<Vec<String>> {
    let (bridge, goes_on) = (bridge.clone(), goes_on.clone());
    tokio::spawn(async move {
        let mut accepted = Vec::new();
        for n in 0.. {
            if !goes_on.load(Relaxed) {
                break;
            }
            let id = format!("cut-{publisher}-{n}");
            let address = bridge.intake;
            let headers = [("webhook-id", id.as_str())];
            let answer =
                crate::harness::request(address, "POST", "/topics/orders.new", &headers, "x");
            if answer.await.is_ok_and(|answer| answer.status == 202) {
                accepted.push(id);
            }
        }
        accepted
    })
}
