//! Order by key on one host, for every broker: it is kept across retries, keys do not wait for each
//! other, and a dead letter blocks its key if configured.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use super::Server;
use super::hosts::bridge;
use crate::harness::{Bridge, Endpoint, Received, Reply, until};

const BY_TENANT: &str = "order_key = { metadata = \"x-tenant\" }\n\
     retry = { max_attempts = 50, initial_delay = \"5ms\", max_delay = \"20ms\" }\n";

/// Returns the number in the data of a message.
fn number(received: &Received) -> u32 {
    let body = String::from_utf8_lossy(&received.body);
    body.parse().expect("a number")
}

/// Returns the numbers of a tenant in the order of their arrival, without repetitions.
fn of_tenant(endpoint: &Endpoint, tenant: &str) -> Vec<u32> {
    let mut numbers = Vec::new();
    for one in endpoint.received() {
        let new = !numbers.contains(&number(&one));
        if one.header("x-tenant") == tenant && new {
            numbers.push(number(&one));
        }
    }
    numbers
}

async fn publish(bridge: &Bridge, tenant: &str, number: u32) -> String {
    let headers = [("x-tenant", tenant)];
    bridge
        .accept("orders.new", &headers, number.to_string())
        .await
}

pub async fn order_is_kept_within_a_key_and_keys_run_in_parallel<S: Server>() {
    const TENANTS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
    const EACH: u32 = 20;
    let takes = Duration::from_millis(5);
    let server = S::start().await;
    let endpoint = Endpoint::start(move |_, before| {
        let status = if before % 3 == 0 { 503 } else { 204 };
        Reply::status(status).after(takes)
    })
    .await;
    let bridge = bridge(&server, &endpoint, BY_TENANT).await;
    for n in 0..EACH {
        for tenant in TENANTS {
            publish(&bridge, tenant, n).await;
        }
    }
    for tenant in TENANTS {
        let expected: Vec<_> = (0..EACH).collect();
        until("all of a tenant", async || {
            let numbers = of_tenant(&endpoint, tenant);
            (numbers.len() == expected.len()).then_some(())
        })
        .await;
        assert_eq!(of_tenant(&endpoint, tenant), expected, "of tenant {tenant}");
    }
    // Two messages of one tenant are never in flight at once; messages of different tenants are.
    let mut last = HashMap::new();
    let mut beside = 0;
    let mut before: Option<Received> = None;
    for one in endpoint.received() {
        let since = last.insert(one.header("x-tenant").to_owned(), one.at);
        assert!(since.is_none_or(|since| one.at - since >= takes));
        let overlaps = before.is_some_and(|before| one.at - before.at < takes);
        beside += u32::from(overlaps);
        before = Some(one);
    }
    assert!(beside > 0);
}

pub async fn a_dead_letter_blocks_its_key<S: Server>() {
    let server = S::start().await;
    let mended = Arc::new(AtomicBool::new(false));
    let answers = mended.clone();
    let endpoint = Endpoint::start(move |received, _| {
        let poison = received.header("x-tenant") == "a" && received.body == "0";
        Reply::status(if poison && !answers.load(Relaxed) {
            400
        } else {
            204
        })
    })
    .await;
    let more = format!("{BY_TENANT}on_dead_letter = \"block\"");
    let bridge = bridge(&server, &endpoint, &more).await;
    let poison = publish(&bridge, "a", 0).await;
    for n in 1..=10 {
        publish(&bridge, "a", n).await;
        publish(&bridge, "b", n).await;
    }
    let held = |it: &crate::harness::Ledger| (it.delivered, it.pending) == (10, 10);
    let ledger = bridge.ledger_when("orders", held).await;
    assert!(ledger.balances() && ledger.dead_lettered == 1, "{ledger:?}");
    let letter = bridge.dead_letter(&poison).await;
    assert_eq!(letter.blocks.as_deref(), Some("a"));
    blocked(&bridge, 10).await;

    // A crash does not release blocked messages.
    let bridge = Bridge::start_in(bridge.kill()).await;
    publish(&bridge, "a", 11).await;
    blocked(&bridge, 11).await;
    assert_eq!(of_tenant(&endpoint, "a"), [0]);

    mended.store(true, Relaxed);
    bridge.command(&["dead-letters", "replay", &letter.letter.to_string()]);
    publish(&bridge, "a", 12).await;
    until("all of the key", async || {
        (of_tenant(&endpoint, "a").len() == 13).then_some(())
    })
    .await;
    let expected: Vec<_> = (0..=12).collect();
    assert_eq!(of_tenant(&endpoint, "a"), expected);
    bridge.ledger_when("orders", |it| it.pending == 0).await;
    blocked(&bridge, 0).await;
}

/// Waits until the ledger shows this many blocked messages.
async fn blocked(bridge: &Bridge, count: u64) {
    until(&format!("{count} blocked"), async || {
        let printed = bridge.command(&["ledger", "--json"]);
        let ledgers: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
        let blocked = ledgers["subscriptions"][0]["blocked"].as_u64();
        (blocked == Some(count)).then_some(())
    })
    .await;
}
