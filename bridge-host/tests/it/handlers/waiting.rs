//! What a delivery waits for an instance of its handler, is nobody's failure.

use super::subscription;
use crate::harness::Bridge;

/// One at a time, as there is memory for one handler only: the last waits for
/// longer than an attempt may take.
#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_an_instance_does_not_use_up_the_timeout() {
    let lines = "timeout = \"2s\"";
    let config = subscription("heavy", "/heavy?600", "", lines);
    let config = config.replace("max_attempts = 2", "max_attempts = 1");
    let bridge = Bridge::start_with("wasm.memory = \"44MiB\"", &config).await;
    // How large one becomes, shows the first.
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
