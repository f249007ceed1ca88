//! The limits of an endpoint on the real bridge: circuit breaker, rate limit,
//! adaptive concurrency limit, and the pause of a Retry-After.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::harness::{Bridge, Config, Endpoint, Reply, request, until};

const SECOND: Duration = Duration::from_secs(1);

/// Starts a bridge with these settings, and an endpoint whose status can be
/// changed.
async fn bridge(status: u16, takes: Duration, more: &str) -> (Bridge, Endpoint, Arc<AtomicU16>) {
    let status = Arc::new(AtomicU16::new(status));
    let answer = status.clone();
    let reply = move |_: &_, _| Reply::status(answer.load(Relaxed)).after(takes);
    let endpoint = Endpoint::start(reply).await;
    let bridge = Bridge::start(&Config::all(&endpoint).lines(more)).await;
    (bridge, endpoint, status)
}

async fn publish(bridge: &Bridge, count: usize) {
    for n in 0..count {
        bridge.accept("orders", &[], n.to_string()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_endpoint_gets_only_probes() {
    for how in ["", "order_key = \"topic\"\n", "threads = 2\n"] {
        let more = format!(
            "{how}max_in_flight = 4\ncircuit_breaker = {{ failures = 5, cooldown = \"1s\" }}\n\
             retry = {{ max_attempts = 1000, initial_delay = \"1ms\", max_delay = \"1ms\" }}"
        );
        let (bridge, endpoint, status) = bridge(500, Duration::ZERO, &more).await;
        publish(&bridge, 50).await;
        until("an open breaker", || async {
            (bridge.flow("all").await["circuit_breaker"] == "open").then_some(())
        })
        .await;
        let begun = Instant::now();
        tokio::time::sleep(3 * SECOND).await;
        let probes = begun.elapsed().as_secs() as usize + 1;
        let made = endpoint.received().len();
        // The attempts in flight when it opened, and one probe per second.
        assert!(made <= 5 + 3 + probes, "{made} in {:?}", begun.elapsed());
        assert_eq!(bridge.ledger("all").await.pending, 50);
        status.store(204, Relaxed);
        let ledger = bridge
            .ledger_when("all", |ledger| ledger.delivered == 50)
            .await;
        assert!(ledger.balances() && ledger.dead_lettered == 0, "{ledger:?}");
        assert_eq!(bridge.flow("all").await["circuit_breaker"], "closed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_opens_a_breaker_and_a_404_does_not() {
    let more = "timeout = \"100ms\"\ncircuit_breaker = { failures = 3, cooldown = \"1h\" }\nmax_in_flight = 1";
    let (mute, _endpoint, _) = bridge(204, 3600 * SECOND, more).await;
    publish(&mute, 1).await;
    until("an open breaker", || async {
        (mute.flow("all").await["circuit_breaker"] == "open").then_some(())
    })
    .await;
    let (picky, ..) = bridge(404, Duration::ZERO, more).await;
    publish(&picky, 20).await;
    picky
        .ledger_when("all", |ledger| ledger.dead_lettered == 20)
        .await;
    assert_eq!(picky.flow("all").await["circuit_breaker"], "closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_is_kept() {
    rate_is_kept("").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_is_kept_by_all_threads_together() {
    rate_is_kept("threads = 4").await;
}

async fn rate_is_kept(how: &str) {
    let more = format!("rate_limit = {{ rate = \"20/s\", burst = 5 }}\n{how}");
    let (bridge, endpoint, _) = bridge(204, Duration::ZERO, &more).await;
    publish(&bridge, 65).await;
    let received = endpoint.wait_for(65).await;
    let took = received[64].at - received[0].at;
    // 60 messages after the burst, at 20 per second, take three seconds. Late
    // requests may make the measured time shorter.
    assert!(took >= 2 * SECOND, "{took:?}");
    for (n, first) in received.iter().enumerate() {
        let within = received[n..]
            .iter()
            .filter(|one| one.at - first.at < SECOND);
        assert!(within.count() <= 40, "after request {n}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_adapts_to_the_endpoint() {
    let more = "max_in_flight = { min = 2, max = 16 }\n\
         retry = { max_attempts = 1000, initial_delay = \"1ms\", max_delay = \"5ms\" }";
    let (bridge, _endpoint, status) = bridge(204, Duration::from_millis(50), more).await;
    // There is no limit before the subscription runs.
    let limit = || async { bridge.flow("all").await["limit"].as_u64().unwrap_or(0) };
    until("the first limit", || async {
        (limit().await == 2).then_some(())
    })
    .await;
    // All in one batch: single messages might be delivered as fast as they are
    // published.
    let lines = "{\"topic\":\"orders\",\"data\":\"x\"}\n".repeat(1000);
    let answer = request(bridge.intake, "POST", "/batch", &[], lines).await;
    assert_eq!(answer.expect("an answer").status, 200);
    until("a limit that grew", || async {
        (limit().await >= 6).then_some(())
    })
    .await;
    status.store(503, Relaxed);
    until("a limit that shrank", || async {
        (limit().await == 2).then_some(())
    })
    .await;
    status.store(204, Relaxed);
    let ledger = bridge
        .ledger_when("all", |ledger| ledger.delivered == 1000)
        .await;
    assert!(ledger.balances() && ledger.dead_lettered == 0, "{ledger:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_after_pauses_the_subscription() {
    for (pause, more) in [(true, ""), (false, "pause_on_retry_after = false")] {
        let endpoint = Endpoint::start(|_, before| match before {
            0 => Reply::status(429).with("retry-after", "3"),
            _ => Reply::status(204),
        })
        .await;
        let bridge = Bridge::start(&Config::all(&endpoint).lines(more)).await;
        publish(&bridge, 1).await;
        endpoint.wait_for(1).await;
        bridge
            .ledger_when("all", |ledger| ledger.accepted == 1)
            .await;
        if pause {
            until("a pause", || async {
                bridge.flow("all").await["paused_ms"].as_u64()
            })
            .await;
        }
        let second = bridge.accept("orders", &[], "").await;
        let received = endpoint.wait_for(2).await;
        let waited = received[1].at - received[0].at;
        assert_eq!(waited >= Duration::from_millis(2900), pause, "{waited:?}");
        assert!(pause || received[1].id() == second);
        bridge
            .ledger_when("all", |ledger| ledger.delivered == 2)
            .await;
    }
}
