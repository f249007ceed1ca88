//! What every request of a real bridge contains, for each method.

use crate::harness::{Bridge, Config, Endpoint, Received, guest};

const DATA: &str = r#"{"amount":250}"#;

/// Returns the request that the endpoint gets for one message with this method and chain.
async fn received(method: &str, chain: &str) -> Received {
    let endpoint = Endpoint::accepting().await;
    let url = endpoint.url("/hooks");
    let config = Config::subscription("all", ">")
        .lines(chain)
        .lines("settings = { minimum = \"100\" }")
        .lines(&format!("to = {{ url = {url:?}, method = {method:?} }}"));
    let bridge = Bridge::start(&config).await;
    let headers = [("content-type", "application/json")];
    bridge.accept("orders.new", &headers, DATA).await;
    let ledger = bridge
        .ledger_when("all", |ledger| ledger.pending == 0)
        .await;
    assert_eq!(ledger.delivered, 1, "{method} {chain}: {ledger:?}");
    endpoint.wait_for(1).await.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_get_head_or_delete_has_no_body() {
    let asynchronous = format!("chain = [{:?}]", guest("async-filter"));
    for chain in ["", &asynchronous] {
        for method in ["GET", "HEAD", "DELETE"] {
            let received = received(method, chain).await;
            assert_eq!(received.method, method);
            assert_eq!(received.body, "", "{method} {chain}");
            for name in ["content-type", "content-length", "transfer-encoding"] {
                assert_eq!(received.header(name), "", "{method} {chain}: {name}");
            }
            assert_eq!(received.header("message-topic"), "orders.new");
        }
        let received = received("POST", chain).await;
        assert_eq!(received.body, DATA, "{chain}");
        assert_eq!(received.header("content-length"), "14", "{chain}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_says_who_sends_it() {
    let own = concat!("bridge-host/", env!("CARGO_PKG_VERSION"));
    assert_eq!(received("POST", "").await.header("user-agent"), own);
}
