//! Dead endpoints beside a healthy one: an endpoint that refuses connections and
//! one that never answers, each with a growing queue, must not slow the healthy
//! one.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::harness::{Bridge, Config, Endpoint, Reply, ReservedAddress, measured};

const MESSAGES: usize = 300;
const WAITING: usize = 300;

/// Variation on a busy machine.
const NOISE: Duration = Duration::from_millis(10);

/// Returns the p99 of the time from publication to arrival.
async fn p99(bridge: &Bridge, healthy: &Endpoint, beside: bool) -> Duration {
    let before = healthy.received().len();
    let mut published = HashMap::new();
    for n in 0..MESSAGES {
        let at = Instant::now();
        let id = bridge.accept("healthy", &[], n.to_string()).await;
        published.insert(id, at);
        if beside && n % 10 == 0 {
            bridge.accept("dead", &[], "one more").await;
        }
    }
    let received = healthy.wait_for(before + MESSAGES).await;
    let mut times: Vec<_> = received[before..]
        .iter()
        .map(|one| one.at - published[&one.id()])
        .collect();
    times.sort();
    times[MESSAGES * 99 / 100]
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_endpoints_do_not_slow_healthy_ones() {
    let healthy = Endpoint::accepting().await;
    let mute = Endpoint::start(|_, _| Reply::status(204).after(Duration::from_secs(3600))).await;
    let unused_port = ReservedAddress::new();
    let own = Config::subscription("healthy", "healthy").to(&healthy.url("/"));
    let others = Config::subscription("refused", "dead").to(&unused_port.url("/"))
        + Config::subscription("mute", "dead").to(&mute.url("/"));

    let bridge = Bridge::start(&own).await;
    p99(&bridge, &healthy, false).await;
    let alone = p99(&bridge, &healthy, false).await;
    drop(bridge);

    let bridge = Bridge::start(&(own + others)).await;
    for n in 0..WAITING {
        bridge.accept("dead", &[], n.to_string()).await;
    }
    mute.wait_for(64).await;
    p99(&bridge, &healthy, true).await;
    let most = 3 * alone.max(NOISE);
    let beside = measured(most, async || p99(&bridge, &healthy, true).await).await;
    println!("p99 alone {alone:?}, beside two dead endpoints {beside:?}");
    for dead in ["refused", "mute"] {
        let ledger = bridge.ledger(dead).await;
        assert!(ledger.balances() && ledger.delivered == 0, "{ledger:?}");
    }
}
