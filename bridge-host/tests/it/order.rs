//! Order by key on the real bridge: it holds through failures, a stuck key and a
//! SIGKILL, while other keys go on.

use std::collections::HashMap;
use std::time::Duration;

use crate::harness::{Bridge, Config, Endpoint, Received, Reply};

/// Returns the number in a message's data.
fn number(received: &Received) -> u32 {
    let body = String::from_utf8_lossy(&received.body);
    body.parse().expect("a number")
}

/// Returns the numbers of each tenant in the order of arrival, without
/// repetitions.
fn by_tenant(received: &[Received]) -> HashMap<String, Vec<u32>> {
    let mut tenants: HashMap<String, Vec<u32>> = HashMap::new();
    for one in received {
        let numbers = tenants.entry(one.header("x-tenant").into()).or_default();
        if !numbers.contains(&number(one)) {
            numbers.push(number(one));
        }
    }
    tenants
}

#[tokio::test(flavor = "multi_thread")]
async fn order_by_key_is_kept_through_failures_and_a_crash() {
    const TENANTS: u32 = 12;
    const EACH: u32 = 25;
    let endpoint = Endpoint::start(|_, before| {
        let status = if before % 3 == 0 { 503 } else { 204 };
        Reply::status(status).after(Duration::from_millis(2))
    })
    .await;
    let more = "order_key = { metadata = \"x-tenant\" }\n\
         retry = { max_attempts = 50, initial_delay = \"5ms\", max_delay = \"20ms\" }";
    let mut bridge = Bridge::start(&Config::all(&endpoint).lines(more)).await;
    for n in 0..EACH {
        for tenant in 0..TENANTS {
            let tenant = tenant.to_string();
            bridge
                .accept("orders", &[("x-tenant", &tenant)], n.to_string())
                .await;
        }
        if n == EACH / 2 {
            bridge = Bridge::start_in(bridge.kill()).await;
        }
    }
    let ledger = bridge
        .ledger_when("all", |ledger| ledger.pending == 0)
        .await;
    assert_eq!(ledger.delivered, u64::from(TENANTS * EACH), "{ledger:?}");
    let tenants = by_tenant(&endpoint.received());
    assert_eq!(tenants.len() as u32, TENANTS);
    for (tenant, numbers) in tenants {
        let expected: Vec<_> = (0..EACH).collect();
        assert_eq!(numbers, expected, "of tenant {tenant}");
    }
}

/// An id is unique only within its topic.
#[tokio::test(flavor = "multi_thread")]
async fn two_messages_of_one_id_are_both_delivered() {
    let endpoint = Endpoint::start(|_, before| {
        let millis = if before == 0 { 500 } else { 0 };
        Reply::status(204).after(Duration::from_millis(millis))
    })
    .await;
    let order = "order_key = { metadata = \"x-tenant\" }";
    let bridge = Bridge::start(&Config::all(&endpoint).lines(order)).await;
    let headers = [("x-tenant", "acme"), ("webhook-id", "42")];
    for (n, topic) in (1..).zip(["new", "changed", "cancelled"]) {
        bridge.accept(topic, &headers, n.to_string()).await;
    }
    bridge
        .ledger_when("all", |ledger| ledger.delivered == 3)
        .await;
    let numbers: Vec<_> = endpoint.received().iter().map(number).collect();
    assert_eq!(numbers, [1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_key_holds_back_only_itself() {
    let endpoint = Endpoint::start(|received, _| {
        let poison = received.body.starts_with(b"{\"id\":1,\"poison\"");
        Reply::status(if poison { 500 } else { 204 })
    })
    .await;
    let more = "order_key = { pointer = \"/id\" }\nmax_in_flight = 2\n\
         retry = { max_attempts = 4, initial_delay = \"2s\", max_delay = \"2s\" }";
    let bridge = Bridge::start(&Config::all(&endpoint).lines(more)).await;
    let poison = bridge
        .accept("orders", &[], "{\"id\":1,\"poison\":1}")
        .await;
    for n in 0..100 {
        let data = format!("{{\"id\":{},\"n\":{n}}}", 1 + n % 5);
        bridge.accept("orders", &[], data).await;
    }
    bridge.accept("orders", &[], "on its own").await;
    bridge
        .ledger_when("all", |ledger| ledger.delivered >= 81)
        .await;
    // Unless all three random waits were very short.
    if bridge.ledger("all").await.dead_lettered == 0 {
        assert!(bridge.flow("all").await["held_back"].as_u64() >= Some(1));
    }
    let letter = bridge.dead_letter(&poison).await;
    assert_eq!(letter.attempts, 4, "{letter:?}");
    let ledger = bridge
        .ledger_when("all", |ledger| ledger.pending == 0)
        .await;
    assert_eq!((ledger.delivered, ledger.dead_lettered), (101, 1));
    let received = endpoint.received();
    let mut stuck = received
        .iter()
        .filter(|one| one.body.starts_with(b"{\"id\":1,"));
    assert!(stuck.by_ref().take(4).all(|one| one.id() == poison));
    let behind: Vec<_> = stuck.map(|one| one.body.clone()).collect();
    let expected: Vec<_> = (0..100)
        .step_by(5)
        .map(|n| format!("{{\"id\":1,\"n\":{n}}}"))
        .collect();
    assert_eq!(behind, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_gives_back_waiting_messages() {
    let endpoint = Endpoint::start(|received, _| {
        let poison = received.body == "poison";
        Reply::status(if poison { 500 } else { 204 })
    })
    .await;
    let more = "order_key = \"topic\"\nretry = { initial_delay = \"1h\" }";
    let bridge = Bridge::start(&Config::all(&endpoint).lines(more)).await;
    bridge.accept("orders.a", &[], "poison").await;
    bridge.accept("orders.a", &[], "behind").await;
    bridge.accept("orders.b", &[], "other").await;
    bridge
        .ledger_when("all", |ledger| ledger.delivered == 1)
        .await;
    endpoint.wait_for(2).await;
    let (status, folder) = bridge.stop();
    assert!(status.success(), "{status}");
    let bridge = Bridge::start_in(folder).await;
    endpoint.wait_for(3).await;
    let ledger = bridge.ledger("all").await;
    assert_eq!((ledger.pending, ledger.dead_lettered), (2, 0), "{ledger:?}");
    let received = endpoint.received();
    assert!(received.iter().all(|one| one.body != "behind"));
}

/// Data may be nested deeper than parsers usually allow.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_found_in_data_of_any_depth() {
    let endpoint =
        Endpoint::start(|_, before| Reply::status(if before < 3 { 503 } else { 204 })).await;
    let more = "order_key = { pointer = \"/customer/id\" }\n\
         retry = { initial_delay = \"50ms\", max_delay = \"50ms\" }";
    let bridge = Bridge::start(&Config::all(&endpoint).lines(more)).await;
    let (open, close) = ("[".repeat(1000), "]".repeat(1000));
    for n in 0..2 {
        let data = format!("{{\"n\":{n},\"deep\":{open}{close},\"customer\":{{\"id\":7}}}}");
        bridge.accept("orders", &[], data).await;
    }
    let received = endpoint.wait_for(5).await;
    let numbers = received.iter().map(|one| one.body[5] - b'0');
    assert_eq!(numbers.collect::<Vec<_>>(), [0, 0, 0, 0, 1]);
}
