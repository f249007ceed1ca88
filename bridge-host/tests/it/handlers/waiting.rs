//! Waiting for an instance of an HTTP handler does not count as an attempt's time.

use super::subscription;
use crate::harness::Bridge;

/// There is memory for one handler only, so messages wait for each other. The last one waits for
/// longer than an attempt may take.
#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_an_instance_does_not_use_up_the_timeout() {
    let lines = "timeout = \"2s\"";
    let config = subscription("heavy", "/heavy?600", "", lines);
    let config = config.replace("max_attempts = 2", "max_attempts = 1");
    let bridge = Bridge::start_with("wasm.memory = \"44MiB\"", &config).await;
    // The first instance shows how much memory one needs.
    bridge.accept("heavy", &[], "").await;
    bridge.ledger_when("heavy", |it| it.delivered == 1).await;
    let began = std::time::Instant::now();
    for _ in 0..6 {
        bridge.accept("heavy", &[], "").await;
    }
    let ledger = bridge.ledger_when("heavy", |it| it.pending == 0).await;
    assert_eq!(ledger.delivered, 7, "{ledger:?}");
    assert!(began.elapsed().as_millis() >= 3600, "several at once");
}
