//! Faults of JetStream, Redis and the bridges on them. The tests print the figures in
//! docs/performance.md.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::Server;
use super::hosts::{arrived, bridge};
use super::jetstream::{CurrentJetStream, JetStreamServer};
use super::redis::RedisStreams;
use crate::harness::{Bridge, Endpoint, PATIENCE, Reply, request};

/// A server that tests break.
trait Faulty: Server {
    /// The name of the server in the output.
    const NAME: &str;

    /// Kills the server with SIGKILL.
    fn kill(&mut self);

    /// Starts the server again with its files.
    async fn start_again(&mut self);

    /// Sends a signal by name.
    fn signal(&self, name: &str);
}

macro_rules! faulty {
    ($server:ty, $name:literal $(, $more:tt)*) => {
        impl Faulty for $server {
            const NAME: &str = $name;

            fn kill(&mut self) {
                self$(.$more)*.kill();
            }

            async fn start_again(&mut self) {
                self$(.$more)*.start_again().await;
            }

            fn signal(&self, name: &str) {
                self$(.$more)*.signal(name);
            }
        }
    };
}

faulty!(JetStreamServer, "NATS", 0);
faulty!(CurrentJetStream, "NATS", 0, 0);
faulty!(RedisStreams, "Redis", 0);

const MESSAGES: usize = 5_000;
/// How many messages each publisher has in flight.
const BATCH: usize = 50;
const PUBLISHERS: usize = 4;

/// How long a server or endpoint is away: the short time, or the long one with `FAULTS=long` in the
/// environment, as `cargo xtask faults` sets it.
fn away(short: u64, long: u64) -> Duration {
    let is_long = std::env::var("FAULTS").is_ok_and(|value| value == "long");
    Duration::from_secs(if is_long { long } else { short })
}

/// The longest outage.
const LONGEST: Duration = Duration::from_secs(60);

const RETRY: &str =
    "retry = { max_attempts = 1000, initial_delay = \"20ms\", max_delay = \"500ms\" }\n";

/// Publishes until every message was accepted. A message may be accepted twice, with the same id.
async fn load(bridge: Arc<Bridge>) -> HashSet<String> {
    let each = MESSAGES / PUBLISHERS;
    let publishers = (0..PUBLISHERS).map(|publisher| {
        let bridge = bridge.clone();
        tokio::spawn(async move {
            let mut accepted = HashSet::new();
            for start in (0..each).step_by(BATCH) {
                let ids: Vec<_> = (start..start + BATCH)
                    .map(|n| format!("load-{publisher}-{n}"))
                    .collect();
                accept(&bridge, &ids).await;
                accepted.extend(ids);
            }
            accepted
        })
    });
    let mut accepted = HashSet::new();
    for publisher in publishers.collect::<Vec<_>>() {
        accepted.extend(publisher.await.expect("no panic"));
    }
    accepted
}

/// Publishes each of these messages until it is accepted.
async fn accept(bridge: &Bridge, ids: &[String]) {
    let mut left: HashSet<&str> = ids.iter().map(String::as_str).collect();
    let began = Instant::now();
    while !left.is_empty() {
        let waited = began.elapsed();
        assert!(waited < LONGEST + PATIENCE, "not accepted: {left:?}");
        let lines: String = left
            .iter()
            .map(|id| format!("{{\"topic\":\"orders.new\",\"id\":{id:?},\"data\":\"x\"}}\n"))
            .collect();
        let Ok(answer) = request(bridge.intake, "POST", "/batch", &[], lines).await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        for line in answer.body.split(|&byte| byte == b'\n') {
            let line = serde_json::from_slice::<serde_json::Value>(line).unwrap_or_default();
            if let Some(id) = line["id"].as_str().filter(|_| line["error"].is_null()) {
                left.remove(id);
            }
        }
    }
}

/// Checks that every message arrived, and prints how many arrived twice.
async fn nothing_is_lost(fault: &str, accepted: &HashSet<String>, endpoint: &Endpoint) -> usize {
    let began = Instant::now();
    while !accepted.is_subset(&arrived(endpoint).0) {
        let (ids, _) = arrived(endpoint);
        let lost = accepted.difference(&ids).count();
        assert!(began.elapsed() < 2 * PATIENCE, "{fault}: {lost} lost");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let duplicates = arrived(endpoint).1;
    println!(
        "{fault}: {} messages, 0 lost, {duplicates} duplicates",
        accepted.len()
    );
    duplicates
}

async fn a_host_is_killed_under_load_with_a_second_one_running<S: Faulty>() {
    let server = S::start().await;
    let endpoint = Endpoint::accepting().await;
    let first = bridge(&server, &endpoint, RETRY).await;
    let second = Arc::new(bridge(&server, &endpoint, RETRY).await);
    let load = tokio::spawn(load(second.clone()));
    endpoint.wait_for(MESSAGES / 4).await;
    drop(first.kill());
    let accepted = load.await.expect("no panic");
    let duplicates = nothing_is_lost("a host killed, another running", &accepted, &endpoint).await;
    // The messages in flight and fetched ahead of one host, and acknowledgements in transit.
    assert!(duplicates <= 200, "{duplicates}");
}

async fn the_server_is_killed_under_load_and_started_again<S: Faulty>() {
    let mut server = S::start().await;
    let endpoint = Endpoint::accepting().await;
    let bridge = Arc::new(bridge(&server, &endpoint, RETRY).await);
    let load = tokio::spawn(load(bridge.clone()));
    for part in 1..=2 {
        endpoint.wait_for(MESSAGES * part / 4).await;
        server.kill();
        tokio::time::sleep(Duration::from_millis(500)).await;
        server.start_again().await;
    }
    let accepted = load.await.expect("no panic");
    // nats-server writes acknowledgements some tenths of a second later, so a kill loses the most
    // recent ones.
    let fault = format!("{} killed twice", S::NAME);
    nothing_is_lost(&fault, &accepted, &endpoint).await;
    crate::harness::until("readiness", async || readiness(&bridge, 200).await).await;
}

/// Waits until the bridge reports this status, and returns the text.
async fn readiness(bridge: &Bridge, status: u16) -> Option<String> {
    let answer = request(bridge.intake, "GET", "/readyz", &[], "")
        .await
        .ok()?;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    (answer.status == status).then_some(text)
}

/// The server is silent for a while, as behind a network failure.
async fn the_server_is_stopped_for_a_while<S: Faulty>() {
    let server = S::start().await;
    let endpoint = Endpoint::accepting().await;
    let bridge = Arc::new(bridge(&server, &endpoint, RETRY).await);
    let load = tokio::spawn(load(bridge.clone()));
    endpoint.wait_for(MESSAGES / 4).await;
    server.signal("STOP");
    let away = away(8, 60);
    tokio::time::sleep(away).await;
    server.signal("CONT");
    let accepted = load.await.expect("no panic");
    let fault = format!("{} stopped for {away:?}", S::NAME);
    let duplicates = nothing_is_lost(&fault, &accepted, &endpoint).await;
    assert!(duplicates <= 500, "{duplicates}");
}

async fn the_endpoint_is_down_for_a_while<S: Faulty>() {
    let server = S::start().await;
    let up = Arc::new(AtomicBool::new(true));
    let answers = up.clone();
    let taken = Arc::new(Mutex::new(Vec::new()));
    let takes = taken.clone();
    let endpoint = Endpoint::start(move |received, _| {
        if !answers.load(Relaxed) {
            return Reply::status(503);
        }
        takes.lock().expect("no panic").push(received.id());
        Reply::status(204)
    })
    .await;
    let bridge = Arc::new(bridge(&server, &endpoint, RETRY).await);
    let load = tokio::spawn(load(bridge.clone()));
    endpoint.wait_for(MESSAGES / 4).await;
    up.store(false, Relaxed);
    let away = away(5, 30);
    tokio::time::sleep(away).await;
    up.store(true, Relaxed);
    let accepted = load.await.expect("no panic");
    let began = Instant::now();
    let mut ledger = bridge.ledger("orders").await;
    while ledger.delivered < MESSAGES as u64 {
        assert!(began.elapsed() < 2 * PATIENCE, "{ledger:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
        ledger = bridge.ledger("orders").await;
    }
    let taken = taken.lock().expect("no panic");
    let twice = taken.len() - taken.iter().collect::<HashSet<_>>().len();
    println!(
        "the endpoint down for {away:?}: {} messages, {} delivered, {} pending, {} dead letters, {twice} delivered twice",
        accepted.len(),
        ledger.delivered,
        ledger.pending,
        ledger.dead_lettered
    );
    assert_eq!(
        (ledger.delivered as usize, ledger.dead_lettered),
        (MESSAGES, 0)
    );
}

async fn a_server_that_is_not_there_is_waited_for<S: Faulty>() {
    let mut server = S::start().await;
    server.kill();
    let endpoint = Endpoint::accepting().await;
    let bridge = bridge(&server, &endpoint, RETRY).await;
    // Before the bridge has started, it is not ready for another reason.
    crate::harness::until("the reason", async || {
        let told = readiness(&bridge, 503).await?;
        let expected = format!("events: no connection to {}", S::NAME);
        told.contains(&expected).then_some(())
    })
    .await;
    let refused = bridge.publish("orders.new", &[], "x").await;
    assert_eq!(refused.status, 503, "{refused:?}");
    let log = bridge.log().join("\n");
    assert!(log.contains("the bridge starts without it"), "{log}");
    let ledger = bridge.ledger("orders").await;
    assert!(ledger.balances(), "{ledger:?}");

    server.start_again().await;
    crate::harness::until("readiness", async || readiness(&bridge, 200).await).await;
    let id = bridge.accept("orders.new", &[], "x").await;
    assert_eq!(endpoint.wait_for(1).await[0].id(), id);
}

macro_rules! on_each_server {
    ($($case:ident),+ $(,)?) => {
        $(
            mod $case {
                use super::{CurrentJetStream, JetStreamServer, RedisStreams};

                #[tokio::test(flavor = "multi_thread")]
                async fn on_the_system_s_nats() {
                    super::$case::<JetStreamServer>().await;
                }

                #[tokio::test(flavor = "multi_thread")]
                async fn on_a_current_nats() {
                    super::$case::<CurrentJetStream>().await;
                }

                #[tokio::test(flavor = "multi_thread")]
                async fn on_redis() {
                    super::$case::<RedisStreams>().await;
                }
            }
        )+
    };
}

on_each_server! {
    a_host_is_killed_under_load_with_a_second_one_running,
    the_server_is_killed_under_load_and_started_again,
    the_server_is_stopped_for_a_while,
    the_endpoint_is_down_for_a_while,
    a_server_that_is_not_there_is_waited_for,
}
