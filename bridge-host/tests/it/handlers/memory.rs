//! What an instance of each handler costs, and how fast a large one starts
//! from the cache. The figures in docs/handlers.md are printed here.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::harness::{Bridge, guest};

/// The order service, in all its languages.
const HANDLERS: [&str; 3] = ["orders", "orders-javascript", "orders-python"];

/// Instances whose cost is told apart from the first one's.
const MORE: usize = 8;

/// Subscriptions with an instance each, once it has handled a message.
async fn with_instances(component: &Path, count: usize) -> (Bridge, Duration) {
    let subscriptions: String = (0..count)
        .map(|n| {
            format!(
                "[[subscriptions]]\nname = \"s{n}\"\ntopics = [\"orders\"]\n\
                 to = {{ component = {component:?}, path = \"/orders\" }}\n"
            )
        })
        .collect();
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

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_costs_little_and_starts_at_once() {
    for name in HANDLERS {
        let component = guest(name);
        // Compiled and kept.
        with_instances(&component, 1).await;
        let (one, started) = with_instances(&component, 1).await;
        let (many, _) = with_instances(&component, 1 + MORE).await;
        let each = many.memory().saturating_sub(one.memory()) / MORE as u64;
        let size = std::fs::metadata(&component).expect("a file").len();
        println!(
            "{name}: {:.1} MB file, {:.1} MB an instance, started in {started:?}",
            size as f64 / 1e6,
            each as f64 / 1e6,
        );
        assert!(each < 64 << 20, "{name}: {each} bytes an instance");
        assert!(started < Duration::from_secs(5), "{name}: {started:?}");
    }
}
