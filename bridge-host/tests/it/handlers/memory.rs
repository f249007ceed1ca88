//! The memory of an instance of each handler, and the time that a large one takes to start from the
//! cache. Prints the figures of docs/performance.md.

use std::time::{Duration, Instant};

use crate::harness::{Bridge, Config, Endpoint, guest};

/// The order service in each language.
const HANDLERS: [&str; 3] = ["orders", "orders-javascript", "orders-python"];

/// The number of instances over which the cost of one is averaged.
const MORE: usize = 32;

/// Starts a bridge with `count` subscriptions to this endpoint, and measures the time until one has
/// delivered a message.
async fn with_subscriptions(to: &str, count: usize) -> (Bridge, Duration) {
    let to = format!("to = {to}");
    let one = |n| Config::subscription(&format!("s{n}"), "orders").lines(&to);
    let subscriptions: Config = (0..count).map(one).collect();
    let began = Instant::now();
    let bridge = Bridge::start(&subscriptions).await;
    let started = began.elapsed();
    let order = r#"{"id": 1, "amount": 250}"#;
    bridge.accept("orders", &[], order).await;
    for n in 0..count {
        bridge
            .ledger_when(&format!("s{n}"), |it| it.delivered == 1)
            .await;
    }
    (bridge, started)
}

/// Returns the memory of one more subscription, in megabytes, and the time that one takes to start.
async fn cost(to: &str) -> (f64, Duration) {
    // Compiles the component, and caches it.
    with_subscriptions(to, 1).await;
    let (one, started) = with_subscriptions(to, 1).await;
    let (many, _) = with_subscriptions(to, 1 + MORE).await;
    let each = many.memory().saturating_sub(one.memory()) / MORE as u64;
    (each as f64 / 1e6, started)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_costs_little_and_starts_at_once() {
    let endpoint = Endpoint::accepting().await;
    let (without, _) = cost(&format!("{:?}", endpoint.url("/"))).await;
    println!("no handler: {without:.1} MB a subscription");
    for name in HANDLERS {
        let component = guest(name);
        let to = format!("{{ component = {component:?}, path = \"/orders\" }}");
        let (with, started) = cost(&to).await;
        let size = std::fs::metadata(&component).expect("a file").len();
        println!(
            "{name}: {:.1} MB file, {:.1} MB an instance, started in {started:?}",
            size as f64 / 1e6,
            with - without,
        );
        assert!(with < 64.0, "{name}: {with} MB a subscription");
        assert!(started < Duration::from_secs(5), "{name}: {started:?}");
    }
}
