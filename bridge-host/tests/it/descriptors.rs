//! The real bridge without file descriptors: it reports the lack, counts no
//! attempt, and delivers everything once there are descriptors.

mod exhausted;
mod fairness;
mod resolver;

use std::collections::HashSet;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::harness::{Bridge, Config, Endpoint, PATIENCE, Reply, until};

/// Starts the bridge with at most this many descriptors.
async fn start(limit: u64, config: &str) -> (Bridge, u32) {
    start_by(Command::new("sh"), limit, config).await
}

async fn start_by(mut shell: Command, limit: u64, config: &str) -> (Bridge, u32) {
    let folder = tempfile::tempdir().expect("a folder");
    let config = format!("intake = {{ address = \"127.0.0.1:0\" }}\n{config}");
    std::fs::write(folder.path().join("bridge.toml"), config).expect("a file");
    let script = format!("ulimit -n {limit} && exec \"$0\" run bridge.toml");
    Bridge::start_by(&mut shell, &script, Arc::new(folder)).await
}

/// A subscription whose retries would end within a second.
fn subscription(name: &str, endpoint: &Endpoint, more: &str) -> Config {
    let subscription = Config::subscription(name, ">").to(&endpoint.url("/"));
    subscription.attempts(2).lines(more)
}

/// Sets the soft limit of open files; the hard limit stays.
fn set_limit(process: u32, limit: u64) {
    let process = Pid::from_raw(process as i32);
    let before = prlimit(
        process,
        Resource::Nofile,
        Rlimit {
            current: Some(limit),
            maximum: Some(256),
        },
    );
    before.expect("the limits of a process of one's own");
}

/// A connection to the intake, opened while there were descriptors.
struct Publisher(SendRequest<Full<&'static [u8]>>);

impl Publisher {
    async fn connect(bridge: &Bridge) -> Self {
        let stream = tokio::net::TcpStream::connect(bridge.intake)
            .await
            .expect("the intake");
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
        let (sender, connection) = handshake.await.expect("a connection");
        tokio::spawn(connection);
        Self(sender)
    }

    async fn ask(&mut self, method: &str, path: &str) -> (u16, String) {
        self.0.ready().await.expect("the connection");
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost");
        let request = request.body(Full::new(&b"data"[..])).expect("a request");
        let response = tokio::time::timeout(PATIENCE, self.0.send_request(request)).await;
        let response = response.expect("in time").expect("a response");
        let status = response.status().as_u16();
        let body = response
            .into_body()
            .collect()
            .await
            .expect("a body")
            .to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    }
}

/// Returns how often a text is in the log.
fn logged(bridge: &Bridge, text: &str) -> usize {
    bridge
        .log()
        .iter()
        .filter(|line| line.contains(text))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_descriptors_messages_wait_and_the_bridge_says_so() {
    let endpoint = Endpoint::accepting().await;
    let (bridge, process) = start(256, &subscription("all", &endpoint, "")).await;
    let mut publisher = Publisher::connect(&bridge).await;
    publisher.ask("GET", "/healthz").await;
    // From now on the process can open nothing, even with a free descriptor.
    set_limit(process, 0);
    for _ in 0..20 {
        let (status, answer) = publisher.ask("POST", "/topics/orders").await;
        assert_eq!(status, 202, "{answer}");
    }
    let began = Instant::now();
    let told = loop {
        assert!(
            began.elapsed() < PATIENCE,
            "it is ready without descriptors"
        );
        let (status, answer) = publisher.ask("GET", "/readyz").await;
        if status == 503 {
            break answer;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert!(told.contains("no file descriptors are left"), "{told}");
    // Long enough for all attempts, if any were counted.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(endpoint.received().len(), 0);
    set_limit(process, 256);

    let ledger = bridge
        .ledger_when("all", |ledger| ledger.pending == 0)
        .await;
    assert!(ledger.balances(), "{ledger:?}");
    assert_eq!((ledger.delivered, ledger.dead_lettered), (20, 0));
    assert_eq!(endpoint.received().len(), 20, "each was sent once");
    until("a bridge that is ready", || async {
        let ready = crate::harness::request(bridge.intake, "GET", "/readyz", &[], "").await;
        (ready.ok()?.status == 200).then_some(())
    })
    .await;
    assert_eq!(
        logged(&bridge, "no file descriptors are left"),
        1,
        "{:?}",
        bridge.log()
    );
    until("its line", || async {
        (logged(&bridge, "the trouble has ended") == 1).then_some(())
    })
    .await;
    assert_eq!(logged(&bridge, "retry"), 0, "{:?}", bridge.log());
}

/// Several subscriptions make more requests at once than there are descriptors.
#[tokio::test(flavor = "multi_thread")]
async fn more_in_flight_than_descriptors_costs_no_attempt() {
    let slow = |_: &_, _| Reply::status(204).after(Duration::from_millis(50));
    let endpoint = Endpoint::start(slow).await;
    let names = ["a", "b", "c", "d"];
    let config: Config = names
        .iter()
        .map(|name| subscription(name, &endpoint, "max_in_flight = 64"))
        .collect();
    let (bridge, _) = start(128, &config).await;
    assert_eq!(logged(&bridge, "256 requests may be in flight at once"), 1);
    for _ in 0..250 {
        bridge.accept("orders", &[], "data").await;
    }
    for name in names {
        let ledger = bridge.ledger_when(name, |ledger| ledger.pending == 0).await;
        assert_eq!(
            (ledger.delivered, ledger.dead_lettered),
            (250, 0),
            "{ledger:?}"
        );
    }
    assert_eq!(endpoint.received().len(), 1000, "each was sent once");
}

/// Silent publishers take no descriptors from deliveries.
#[tokio::test(flavor = "multi_thread")]
async fn silent_publishers_do_not_stop_deliveries() {
    let endpoint = Endpoint::accepting().await;
    let (bridge, _) = start(128, &subscription("all", &endpoint, "")).await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(
            tokio::net::TcpStream::connect(bridge.intake)
                .await
                .expect("a connection"),
        );
    }
    for _ in 0..20 {
        bridge.accept("orders", &[], "data").await;
    }
    endpoint.wait_for(20).await;
}

/// Subscriptions on one thread share the connections to their endpoint.
#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_belong_to_the_endpoint() {
    let endpoint = Endpoint::accepting().await;
    let names: Vec<_> = (0..20).map(|n| format!("s{n}")).collect();
    let one = |name: &String| Config::subscription(name, name).to(&endpoint.url("/"));
    let config: Config = names.iter().map(one).collect();
    let (bridge, _) = start(256, &config).await;
    // One after the other, so that each can take the connection of the one
    // before.
    for name in &names {
        bridge.accept(name, &[], "data").await;
        bridge
            .ledger_when(name, |ledger| ledger.delivered == 1)
            .await;
    }
    let received = endpoint.received();
    let connections: HashSet<_> = received.iter().map(|one| one.peer).collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    assert!(
        connections.len() <= threads,
        "{} connections",
        connections.len()
    );
}
