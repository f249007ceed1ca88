//! The contract of a subscription that several threads of one host share.

use std::time::Duration;

use super::Server;
use super::hosts::{accept, arrived, bridge};
use crate::harness::{Endpoint, Reply, until};

/// The host runs at most one thread for each core.
fn is_possible() -> bool {
    std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1)
}

pub async fn two_share<S: Server>() {
    let server = S::start().await;
    let slow = Duration::from_millis(20);
    let endpoint = Endpoint::start(move |_, _| Reply::status(204).after(slow)).await;
    let bridge = bridge(&server, &endpoint, "threads = 2\nmax_in_flight = 8").await;
    let accepted = accept(&bridge, 200).await;
    let ledger = bridge
        .ledger_when("orders", |ledger| ledger.delivered == 200)
        .await;
    assert!(ledger.balances(), "{ledger:?}");
    assert_eq!(arrived(&endpoint), (accepted, 0));
    assert_eq!(bridge.flow("orders").await["limit"], 8);
    if is_possible() {
        let [one, two] = bridge.deliveries()[..] else {
            panic!("{:?}", bridge.deliveries());
        };
        let least = (one + two) / 10;
        assert!(one > least && two > least, "{one:?} and {two:?}");
    }
}

pub async fn a_shutdown_drains_both<S: Server>() {
    let server = S::start().await;
    let slow = Duration::from_secs(2);
    let endpoint = Endpoint::start(move |_, _| Reply::status(204).after(slow)).await;
    // However messages are distributed, each thread has room for all of them.
    let bridge = bridge(&server, &endpoint, "threads = 2\nmax_in_flight = 8").await;
    accept(&bridge, 4).await;
    endpoint.wait_for(4).await;
    bridge.signal("TERM");
    // Both threads together log it once.
    let drained = until("the end", async || {
        let log = bridge.log().into_iter();
        let lines: Vec<_> = log.filter(|line| line.contains("drained")).collect();
        (!lines.is_empty()).then_some(lines)
    })
    .await;
    assert_eq!(drained.len(), 1, "{drained:?}");
    assert!(
        drained[0].contains("\"finished\":4,\"given_back\":0"),
        "{drained:?}"
    );
}
