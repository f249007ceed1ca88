//! The thin line: one message, the adapter alone, one POST.

use crate::harness::{Bridge, Endpoint};

#[tokio::test(flavor = "multi_thread")]
async fn a_message_becomes_a_post() {
    let endpoint = Endpoint::accepting().await;
    let bridge = Bridge::start(&format!(
        "[[subscriptions]]\nname = \"orders\"\ntopics = [\"orders.>\"]\nto = {:?}\n",
        endpoint.url("/hooks/orders")
    ))
    .await;

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
