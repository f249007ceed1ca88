//! Failing messages beside healthy ones on one unordered subscription without a circuit breaker.
//! Failing messages must not slow down healthy ones, and a killed host must lose neither.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::Server;
use super::core::CoreNats;
use super::embedded::Local;
use super::hosts::config;
use super::jetstream::JetStreamServer;
use super::redis::RedisStreams;
use crate::harness::{Bridge, Endpoint, Letter, Reply, measured, request, until};

/// How long the endpoint takes to fail. With this time, failures that hold all permits would be
/// noticed.
const SLOW: Duration = Duration::from_millis(100);
const HEALTHY: usize = 200;
/// The default of `max_in_flight`.
const PERMITS: usize = 64;
/// The delay that a busy machine can cause.
const NOISE: Duration = Duration::from_millis(20);
/// How many messages are published at once.
const BATCH: usize = 1000;

const RETRY: &str = "retry = { initial_delay = \"100ms\", max_delay = \"2s\" }\n";

/// How many messages fail: a few, or many with `FAULTS=long` in the environment, as `cargo xtask
/// faults` sets it.
fn failing() -> usize {
    let is_long = std::env::var("FAULTS").is_ok_and(|value| value == "long");
    if is_long { 20_000 } else { 1_000 }
}

/// What the endpoint received.
#[derive(Default)]
struct Seen {
    /// Whether failing messages succeed now.
    healed: AtomicBool,
    failed: Mutex<HashSet<String>>,
    failures: AtomicUsize,
    arrived: Mutex<HashMap<String, Instant>>,
}

impl Seen {
    async fn endpoint(self: &Arc<Self>) -> Endpoint {
        let seen = self.clone();
        Endpoint::start(move |received, _| {
            let id = received.id();
            if received.body.starts_with(b"poison") && !seen.healed.load(Relaxed) {
                seen.failed.lock().expect("no panic").insert(id);
                seen.failures.fetch_add(1, Relaxed);
                return Reply::status(503).after(SLOW);
            }
            let mut arrived = seen.arrived.lock().expect("no panic");
            arrived.entry(id).or_insert(received.at);
            Reply::status(204)
        })
        .await
    }

    fn failed(&self) -> usize {
        self.failed.lock().expect("no panic").len()
    }

    /// Waits for all of these messages, and returns when each arrived.
    async fn all(&self, ids: impl Iterator<Item = &String> + Clone) -> Vec<Instant> {
        until("all to arrive", async || {
            let arrived = self.arrived.lock().expect("no panic");
            ids.clone().map(|id| arrived.get(id).copied()).collect()
        })
        .await
    }

    /// Returns the time from publication to arrival that 99 of 100 messages did not exceed.
    async fn p99(&self, bridge: &Bridge) -> Duration {
        let mut published = Vec::new();
        for n in 0..HEALTHY {
            let at = Instant::now();
            let id = bridge.accept("orders.fine", &[], n.to_string()).await;
            published.push((id, at));
        }
        let arrived = self.all(published.iter().map(|(id, _)| id)).await;
        let times = arrived.iter().zip(&published);
        let mut times: Vec<_> = times.map(|(at, (_, since))| *at - *since).collect();
        times.sort();
        times[HEALTHY * 99 / 100]
    }
}

async fn publish_poison(bridge: &Bridge, numbers: Range<usize>) -> HashSet<String> {
    let id = |n| format!("bad-{n}");
    let line = |n| {
        let id = id(n);
        format!("{{\"topic\":\"orders.bad\",\"id\":\"{id}\",\"data\":\"poison\"}}\n")
    };
    for start in numbers.clone().step_by(BATCH) {
        let lines: String = (start..numbers.end.min(start + BATCH)).map(line).collect();
        let answer = request(bridge.intake, "POST", "/batch", &[], lines).await;
        let answer = answer.expect("an answer");
        let taken = String::from_utf8_lossy(&answer.body);
        assert!(!taken.contains("error"), "{taken}");
    }
    numbers.map(id).collect()
}

/// Publishes `count` failing messages, and returns once each has failed. A broker that is not
/// durable drops messages that the bridge cannot take yet, so it gets the next batch when the one
/// before has failed.
async fn fail(bridge: &Bridge, seen: &Seen, count: usize, is_durable: bool) -> HashSet<String> {
    let mut ids = HashSet::new();
    if is_durable {
        ids = publish_poison(bridge, 0..count).await;
    }
    for end in (BATCH..=count).step_by(BATCH) {
        if !is_durable {
            ids.extend(publish_poison(bridge, end - BATCH..end).await);
        }
        until("each to fail once", async || {
            (seen.failed() >= end).then_some(())
        })
        .await;
    }
    ids
}

/// Healthy messages are as fast beside failing ones as alone. Then the failing ones succeed, after
/// a kill in between if the broker is durable, and none is missing.
async fn beside<S: Server>(is_durable: bool) {
    let server = S::start().await;
    let seen = Arc::new(Seen::default());
    let endpoint = seen.endpoint().await;
    let config = config(&server, &endpoint, RETRY);
    let mut bridge = Bridge::start_into(server.from(), &config).await;
    seen.p99(&bridge).await;
    let alone = seen.p99(&bridge).await;

    let count = failing();
    let poison = fail(&bridge, &seen, count, is_durable).await;
    // No first attempt is in flight any more: first attempts may hold all permits.
    let many = count + 4 * PERMITS;
    until("retries", async || {
        let failures = seen.failures.load(Relaxed);
        (failures >= many).then_some(())
    })
    .await;
    let most = 3 * alone.max(NOISE);
    let times = measured(most, async || seen.p99(&bridge).await).await;
    println!(
        "{}: p99 alone {alone:?}, beside {count} messages that fail {times:?}",
        server.from()
    );

    if is_durable {
        bridge = Bridge::start_in(bridge.kill()).await;
    }
    seen.healed.store(true, Relaxed);
    seen.all(poison.iter()).await;
    let ledger = bridge.ledger_when("orders", |it| it.pending == 0).await;
    assert!(ledger.balances() && ledger.dead_lettered == 0, "{ledger:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn embedded() {
    beside::<Local>(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jetstream() {
    beside::<JetStreamServer>(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis() {
    beside::<RedisStreams>(true).await;
}

/// Messages that wait in memory are lost with the process.
#[tokio::test(flavor = "multi_thread")]
async fn nats() {
    beside::<CoreNats>(false).await;
}

/// Messages that wait for a retry do not use up `max_ack_pending`: most of them wait in the local
/// store.
#[tokio::test(flavor = "multi_thread")]
async fn waiting_retries_leave_room_at_the_consumer() {
    let server = JetStreamServer::start().await;
    let seen = Arc::new(Seen::default());
    let endpoint = seen.endpoint().await;
    let more = "max_in_flight = 4\nretry = { initial_delay = \"1h\" }\n";
    let config = config(&server, &endpoint, more);
    let config = config.replace(
        "ack_wait = \"2s\"",
        "ack_wait = \"2s\", max_ack_pending = 10",
    );
    let bridge = Bridge::start_into(server.from(), &config).await;
    publish_poison(&bridge, 0..30).await;
    until("each to fail once", async || {
        (seen.failed() == 30).then_some(())
    })
    .await;
    let id = bridge.accept("orders.fine", &[], "fine").await;
    seen.all([&id].into_iter()).await;
    let ledger = bridge.ledger_when("orders", |it| it.pending == 30).await;
    assert!(ledger.balances() && ledger.delivered == 1, "{ledger:?}");
}

/// The dead letter of a message that waited in the local store is on the topic of the
/// subscription's dead letters.
#[tokio::test(flavor = "multi_thread")]
async fn a_parked_message_has_its_dead_letter_on_the_topic() {
    let server = JetStreamServer::start().await;
    let seen = Arc::new(Seen::default());
    let endpoint = seen.endpoint().await;
    let more = "max_in_flight = 4\nretry = { max_attempts = 3, initial_delay = \"1ms\", max_delay = \"1ms\" }\n\
         dead_letters = { connection = \"events\", topic = \"dead.orders\" }\n";
    let config = config(&server, &endpoint, more);
    // No message may wait at the server.
    let config = config.replace(
        "ack_wait = \"2s\"",
        "ack_wait = \"2s\", max_ack_pending = 4",
    );
    let bridge = Bridge::start_into(server.from(), &config).await;
    publish_poison(&bridge, 0..5).await;
    until("the letters", async || {
        let list = ["dead-letters", "list", "--json", "--connection", "events"];
        let letters: Vec<Letter> = serde_json::from_str(&bridge.command(&list)).expect("a list");
        (letters.len() == 5).then_some(())
    })
    .await;
    let ledger = bridge.ledger_when("orders", |it| it.pending == 0).await;
    assert!(ledger.balances() && ledger.dead_lettered == 5, "{ledger:?}");
    assert!(bridge.dead_letters().is_empty());
}
