//! The connections to endpoints are divided among the endpoints.

use std::time::Duration;

use super::{logged, start, subscription};
use crate::harness::{Endpoint, Reply, request, until};

/// How many connections to endpoints the bridge opens with 128 descriptors.
const CONNECTIONS: usize = 80;

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_endpoint_leaves_connections_to_the_others() {
    let hour = Duration::from_secs(3600);
    let slow = Endpoint::start(move |_, _| Reply::status(204).after(hour)).await;
    let fast = Endpoint::accepting().await;
    let patient = "max_in_flight = 100\ntimeout = \"1h\"";
    let config = [
        subscription("slow", &slow, patient).replace("\">\"", "\"slow\""),
        subscription("fast", &fast, "").replace("\">\"", "\"fast\""),
    ];
    let (bridge, _) = start(128, &config.concat()).await;
    for _ in 0..100 {
        bridge.accept("slow", &[], "data").await;
    }
    let told = "one endpoint has as many connections as it gets";
    until("a slow endpoint with its share", || async {
        let has_all = slow.received().len() >= CONNECTIONS;
        (logged(&bridge, told) == 1 || has_all).then_some(())
    })
    .await;
    for _ in 0..20 {
        bridge.accept("fast", &[], "data").await;
    }
    fast.wait_for(20).await;
    // A message that waits for its own endpoint is no trouble of the bridge.
    let ready = request(bridge.intake, "GET", "/readyz", &[], "").await;
    let ready = ready.expect("an answer");
    assert_eq!(ready.status, 200, "{ready:?}");
    let received = slow.received().len();
    assert_eq!(received, CONNECTIONS * 4 / 5);
    let ledger = bridge.ledger("slow").await;
    assert_eq!((ledger.pending, ledger.dead_lettered), (100, 0));
    assert_eq!(logged(&bridge, told), 1, "{:?}", bridge.log());
}
