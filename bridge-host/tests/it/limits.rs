//! Components that trap, loop or use too much memory are stopped. Their messages become dead
//! letters, and other messages are not affected.

use std::time::Duration;

use crate::harness::{Bridge, Config, Endpoint, Reply, guest};

async fn bridge(more: &str) -> (Bridge, Endpoint) {
    let endpoint = Endpoint::accepting().await;
    let healthy = Config::subscription("healthy", "healthy").to(&endpoint.url("/"));
    let config = Config::subscription("probe", "probe.>")
        .component(guest("probe"))
        .attempts(2)
        .lines(more)
        + healthy;
    (Bridge::start(&config).await, endpoint)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_is_stopped() {
    let (bridge, endpoint) = bridge("limits = { cpu_time = \"200ms\" }").await;
    let id = bridge.accept("probe.loop", &[], "").await;
    bridge.accept("healthy", &[], "still here").await;
    endpoint.wait_for(1).await;
    let letter = bridge.dead_letter(&id).await;
    assert_eq!(letter.attempts, 2);
    assert!(
        letter.reason.contains("used more than 200ms of CPU time"),
        "{}",
        letter.reason
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_ends_at_its_timeout() {
    let (bridge, _) = bridge("timeout = \"300ms\"\nlimits = { cpu_time = \"1h\" }").await;
    let id = bridge.accept("probe.loop", &[], "").await;
    let letter = bridge.dead_letter(&id).await;
    assert!(
        letter.reason.contains("did not return within 300ms"),
        "{}",
        letter.reason
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hoard_is_stopped() {
    let (bridge, endpoint) = bridge("limits = { memory = \"16MiB\" }").await;
    let id = bridge.accept("probe.hoard", &[], "").await;
    bridge.accept("healthy", &[], "still here").await;
    endpoint.wait_for(1).await;
    let letter = bridge.dead_letter(&id).await;
    assert!(letter.reason.contains("memory"), "{}", letter.reason);
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_are_reused_by_default() {
    for (limits, expected) in [
        ("", "2"),
        ("limits = { reuse = false }", "1"),
        ("limits = { max_calls = 1 }", "1"),
    ] {
        let (bridge, _) = bridge(limits).await;
        let first = bridge.accept("probe.state", &[], "").await;
        bridge.dead_letter(&first).await;
        let second = bridge.accept("probe.state", &[], "").await;
        let letter = bridge.dead_letter(&second).await;
        assert!(
            letter.reason.ends_with(expected),
            "{limits}: {}",
            letter.reason
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_takes_its_instance_with_it() {
    let (bridge, _) = bridge("max_in_flight = 1").await;
    let first = bridge.accept("probe.state", &[], "").await;
    bridge.dead_letter(&first).await;
    let trap = bridge.accept("probe.trap", &[], "boom").await;
    bridge.dead_letter(&trap).await;
    let after = bridge.accept("probe.state", &[], "").await;
    let letter = bridge.dead_letter(&after).await;
    assert!(
        letter.reason.ends_with('1'),
        "a new instance: {}",
        letter.reason
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn time_spent_waiting_does_not_count_as_cpu_time() {
    let (bridge, endpoint) = bridge("limits = { cpu_time = \"400ms\" }").await;
    // The component waits until each of its messages is on disk.
    let line = serde_json::json!({
        "topic": "probe.send-many", "id": "many", "data": "300",
        "metadata": {"connection": "embedded", "reply-topic": "healthy"},
    });
    let answer = crate::harness::request(bridge.intake, "POST", "/batch", &[], line.to_string())
        .await
        .expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");
    bridge
        .ledger_when("probe", |ledger| ledger.delivered == 1)
        .await;
    let received = endpoint.wait_for(300).await;
    assert_eq!(received.len(), 300, "in one attempt");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_endpoint_is_not_blamed_on_the_component() {
    let silent = Endpoint::start(|_, _| Reply::status(204).after(Duration::from_secs(3600))).await;
    let config = Config::all(&silent).attempts(1);
    let bridge = Bridge::start(&config.lines("timeout = \"400ms\"")).await;
    let id = bridge.accept("orders", &[], "x").await;
    let letter = bridge.dead_letter(&id).await;
    assert!(letter.reason.contains("timed out"), "{}", letter.reason);
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_an_instance_is_no_attempt() {
    // There is memory for one or two instances: the other messages wait for them.
    let slow = Endpoint::start(|_, _| Reply::status(204).after(Duration::from_millis(50))).await;
    let one = |name: &str| {
        Config::subscription(name, name)
            .to(&slow.url("/"))
            .attempts(1)
            .lines("timeout = \"500ms\"")
    };
    let config = one("first") + one("second");
    let bridge = Bridge::start_with("wasm.memory = \"2MiB\"", &config).await;
    for _ in 0..30 {
        bridge.accept("first", &[], "x").await;
        bridge.accept("second", &[], "x").await;
    }
    for name in ["first", "second"] {
        let ledger = bridge.ledger_when(name, |ledger| ledger.pending == 0).await;
        assert_eq!(
            (ledger.delivered, ledger.dead_lettered),
            (30, 0),
            "{ledger:?}"
        );
    }
}
