//! A subscription without messages costs almost nothing: it shares compiled
//! components and connections to the store, and wakes no thread.

use std::time::Duration;

use crate::harness::{Bridge, Config, Endpoint, guest, until};

/// The most memory that a further subscription may cost, in bytes. It was 78 KB
/// in a development build, half of which the allocator keeps from the start. It
/// was 137 KB while each subscription composed its own chain.
const EACH: u64 = 128 << 10;

const MORE: usize = 300;

/// Starts a bridge with this many idle subscriptions, and one that delivered a
/// message.
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
    // Compiles the components into the cache, for the next start.
    idle(0, &endpoint).await;
    let one = idle(0, &endpoint).await.memory();
    let bridge = idle(MORE, &endpoint).await;
    let each = bridge.memory().saturating_sub(one) / MORE as u64;
    println!("{each} bytes for each idle subscription");
    assert!(each < EACH, "{each} bytes for each idle subscription");
    // Threads that woke for the start and the message become idle.
    let wakeups = until("rest", || async {
        let before = bridge.wakeups();
        tokio::time::sleep(Duration::from_secs(5)).await;
        let wakeups = bridge.wakeups().saturating_sub(before);
        (wakeups < 5 * 5).then_some(wakeups)
    })
    .await;
    println!("{wakeups} wakeups in five seconds");
}
