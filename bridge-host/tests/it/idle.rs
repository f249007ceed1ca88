//! A subscription without messages costs next to nothing: it shares compiled
//! components and connections to the store, and wakes nobody.

use std::time::Duration;

use crate::harness::{Bridge, Config, Endpoint, guest, until};

/// The most that one more costs, in bytes. It was 78 KB in a development build,
/// half of which is what the allocator keeps of the start, and 137 KB when each
/// subscription composed its chain again.
const EACH: u64 = 128 << 10;

const MORE: usize = 300;

/// A bridge with so many subscriptions that are idle, beside one that was not.
async fn idle(count: usize, endpoint: &Endpoint) -> Bridge {
    let one = |n| {
        Config::subscription(&format!("s{n}"), &format!("orders.{n}"))
            .chain(&[guest("filter")])
            .to(&endpoint.url("/"))
            .lines("settings = { minimum = \"100\" }")
    };
    let subscriptions: Config = (0..=count).map(one).collect();
    let bridge = Bridge::start(&subscriptions).await;
    bridge.accept("orders.0", &[], r#"{"amount": 250}"#).await;
    bridge.ledger_when("s0", |it| it.pending == 0).await;
    bridge
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_subscription_costs_next_to_nothing() {
    let endpoint = Endpoint::accepting().await;
    // Compiled, and kept for the next start.
    idle(0, &endpoint).await;
    let one = idle(0, &endpoint).await.memory();
    let bridge = idle(MORE, &endpoint).await;
    let each = bridge.memory().saturating_sub(one) / MORE as u64;
    println!("{each} bytes for each idle subscription");
    assert!(each < EACH, "{each} bytes for each idle subscription");
    // What woke for the start, and for that message, comes to rest.
    let wakeups = until("rest", || async {
        let before = bridge.wakeups();
        tokio::time::sleep(Duration::from_secs(5)).await;
        let wakeups = bridge.wakeups().saturating_sub(before);
        (wakeups < 5 * 5).then_some(wakeups)
    })
    .await;
    println!("{wakeups} wakeups in five seconds");
}
