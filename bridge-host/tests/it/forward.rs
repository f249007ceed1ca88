//! The simplest path: one message, only the adapter, one POST.

use std::time::Duration;

use crate::harness::{Bridge, Config, Endpoint, Reply, guest};

#[tokio::test(flavor = "multi_thread")]
async fn a_message_becomes_a_post() {
    let endpoint = Endpoint::accepting().await;
    let config = Config::subscription("orders", "orders.>").to(&endpoint.url("/hooks/orders"));
    let bridge = Bridge::start(&config).await;

    let headers = [("content-type", "application/json"), ("x-customer", "7")];
    let id = bridge
        .accept("orders.new", &headers, r#"{"amount":1}"#)
        .await;

    let received = endpoint.wait_for(1).await.remove(0);
    assert_eq!(received.method, "POST");
    assert_eq!(received.path, "/hooks/orders");
    assert_eq!(received.id(), id);
    assert_eq!(received.header("content-type"), "application/json");
    assert_eq!(received.header("message-topic"), "orders.new");
    assert_eq!(received.header("x-customer"), "7");
    assert_eq!(&received.body[..], br#"{"amount":1}"#);

    let ledger = bridge
        .ledger_when("orders", |ledger| ledger.delivered == 1)
        .await;
    assert!(ledger.balances(), "{ledger:?}");
    let (status, _) = bridge.stop();
    assert!(status.success(), "{status}");
}

/// On new connections and on pooled ones, with bodies that the connection accepts
/// at once and with larger ones.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_a_component_does_not_await_is_sent() {
    let endpoint = Endpoint::start(|received, _| {
        let waits = if received.path == "/second" { 200 } else { 0 };
        Reply::status(204).after(Duration::from_millis(waits))
    });
    let endpoint = endpoint.await;
    let config = Config::subscription("pair", "pair")
        .component(guest("pair"))
        .to(&endpoint.url("/"));
    let bridge = Bridge::start(&config).await;
    for (n, length) in [4, 4, 300_000, 4].into_iter().enumerate() {
        bridge.accept("pair", &[], vec![b'x'; length]).await;
        let received = endpoint.wait_for(2 * (n + 1)).await;
        let mut pair: Vec<_> = received[2 * n..].iter().map(|one| &one.path[..]).collect();
        pair.sort();
        assert_eq!(pair, ["/first", "/second"]);
        assert!(received[2 * n..].iter().all(|one| one.body.len() == length));
        let delivered = n as u64 + 1;
        bridge
            .ledger_when("pair", |ledger| ledger.delivered == delivered)
            .await;
    }
}
