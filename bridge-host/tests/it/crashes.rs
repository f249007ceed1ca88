//! Crashes and stops, and what becomes of the messages: SIGKILL during
//! deliveries, SIGKILL while publishing, SIGTERM.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::harness::{Bridge, Config, Endpoint, Received, Reply, request};

fn config(endpoint: &Endpoint) -> Config {
    let retry = "retry = { max_attempts = 100, initial_delay = \"10ms\", max_delay = \"100ms\" }";
    Config::all(endpoint).lines(retry)
}

/// Returns how often each id arrived.
fn counts(received: &[Received]) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for one in received {
        *counts.entry(one.id()).or_default() += 1;
    }
    counts
}

/// Publishes messages with these numbers in one batch, and returns those that
/// were accepted.
async fn batch(bridge: &Bridge, numbers: std::ops::Range<usize>) -> HashSet<String> {
    let lines: String = numbers
        .map(|n| format!("{{\"topic\":\"load\",\"id\":\"load-{n}\",\"data\":\"message {n}\"}}\n"))
        .collect();
    let Ok(answer) = request(bridge.intake, "POST", "/batch", &[], lines).await else {
        return HashSet::new();
    };
    answer
        .body
        .split(|&byte| byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok())
        .filter_map(|line| Some(line["id"].as_str()?.to_owned()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_of_ten_thousand_loses_nothing() {
    const MESSAGES: usize = 10_000;
    let endpoint = Endpoint::accepting().await;
    let mut bridge = Bridge::start(&config(&endpoint)).await;
    let accepted = batch(&bridge, 0..MESSAGES).await;
    assert_eq!(accepted.len(), MESSAGES);
    for part in 1..=3 {
        endpoint.wait_for(MESSAGES * part / 4).await;
        bridge = Bridge::start_in(bridge.kill()).await;
    }
    let ledger = bridge
        .ledger_when("all", |ledger| ledger.pending == 0)
        .await;
    assert!(ledger.balances(), "{ledger:?}");
    assert_eq!(ledger.delivered as usize, MESSAGES, "{ledger:?}");
    let counts = counts(&endpoint.received());
    let missing: Vec<_> = accepted
        .iter()
        .filter(|id| !counts.contains_key(*id))
        .collect();
    assert!(missing.is_empty(), "lost: {missing:?}");
    let duplicates: usize = counts.values().map(|count| count - 1).sum();
    println!("killed three times in {MESSAGES} messages: 0 lost, {duplicates} duplicates");
    // Messages in flight repeat, and messages whose settlement was not on disk
    // yet.
    assert!(duplicates < MESSAGES / 4, "{duplicates} duplicates");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_while_publishing_loses_nothing_accepted() {
    let endpoint = Endpoint::accepting().await;
    let bridge = Arc::new(Bridge::start(&config(&endpoint)).await);
    let publishers: Vec<_> = (0..8)
        .map(|publisher| {
            let bridge = bridge.clone();
            tokio::spawn(async move {
                let mut accepted = HashSet::new();
                for n in 0.. {
                    let id = format!("p{publisher}-{n}");
                    let headers = [("webhook-id", id.as_str())];
                    match request(bridge.intake, "POST", "/topics/load", &headers, "x").await {
                        Ok(answer) if answer.status == 202 => accepted.insert(id),
                        _ => break,
                    };
                }
                accepted
            })
        })
        .collect();
    endpoint.wait_for(500).await;
    bridge.signal("KILL");
    let mut accepted = HashSet::new();
    for publisher in publishers {
        accepted.extend(publisher.await.expect("no panic"));
    }
    let bridge = Bridge::start_in(bridge.folder.clone()).await;
    let ledger = bridge
        .ledger_when("all", |ledger| ledger.pending == 0)
        .await;
    assert!(ledger.balances(), "{ledger:?}");
    let counts = counts(&endpoint.received());
    let missing: Vec<_> = accepted
        .iter()
        .filter(|id| !counts.contains_key(*id))
        .collect();
    assert!(
        missing.is_empty(),
        "{} of {} lost: {missing:?}",
        missing.len(),
        accepted.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_drains_and_gives_the_rest_back() {
    let endpoint = Endpoint::start(|received, _| {
        let slow = received.body == "slow";
        Reply::status(204).after(Duration::from_secs(if slow { 3600 } else { 0 }))
    })
    .await;
    let config = config(&endpoint).lines("[shutdown]\ndrain_timeout = \"500ms\"");
    let bridge = Bridge::start(&config).await;
    bridge.accept("load", &[], "slow").await;
    bridge.accept("load", &[], "quick").await;
    endpoint.wait_for(2).await;
    let (status, folder) = bridge.stop();
    assert!(status.success(), "{status}");

    let bridge = Bridge::start_in(folder).await;
    let received = endpoint.wait_for(3).await;
    assert_eq!(received[2].body, "slow");
    let ledger = bridge.ledger("all").await;
    assert_eq!(
        (ledger.dead_lettered, ledger.delivered, ledger.pending),
        (0, 1, 1),
        "{ledger:?}"
    );
    assert!(ledger.balances(), "{ledger:?}");
}
