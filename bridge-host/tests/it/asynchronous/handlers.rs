//! The asynchronous adapter with an HTTP handler in process as its endpoint, of wasi:http 0.2 or
//! 0.3, with and without HTTP middlewares.

use crate::handlers::out;
use crate::harness::{Bridge, Config, Endpoint, guest};

#[tokio::test(flavor = "multi_thread")]
async fn an_asynchronous_chain_asks_handlers_of_both_versions() {
    for handler in ["responder", "service"] {
        let endpoint = Endpoint::accepting().await;
        let file = guest(handler);
        let echo = Config::subscription("echo", "echo")
            .chain(&[guest("async-filter")])
            .lines(&format!(
                "to = {{ component = {file:?}, path = \"/echo\" }}"
            ))
            .lines("reply_to = { topic = \"replies\" }");
        let bridge = Bridge::start(&(echo + out(&endpoint))).await;
        let mut ids = Vec::new();
        for n in 0..20 {
            let id = bridge.accept("echo", &[], format!("data {n}")).await;
            ids.push((format!("{id}.echo.reply"), format!("data {n}")));
        }
        let received = endpoint.wait_for(20).await;
        let mut received: Vec<_> = received
            .iter()
            .map(|it| (it.id(), String::from_utf8_lossy(&it.body).into_owned()))
            .collect();
        received.sort();
        ids.sort();
        assert_eq!(received, ids, "{handler}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http_middleware_stands_in_front_of_a_handler() {
    for (token, expected) in [("good", 201), ("bad", 401)] {
        let endpoint = Endpoint::accepting().await;
        let to = format!(
            "[subscriptions.to]\ncomponent = {:?}\npath = \"/orders\"\nmiddleware = [{:?}]\n\
             headers = {{ authorization = \"Bearer {token}\" }}",
            guest("async-orders"),
            guest("auth"),
        );
        let orders = Config::subscription("orders", "orders")
            .lines("settings = { token = \"good\" }\nreply_to = { topic = \"replies\" }")
            .lines(&to);
        let bridge = Bridge::start(&(orders + out(&endpoint))).await;
        let id = bridge
            .accept("orders", &[], "{\"id\":1,\"amount\":250}")
            .await;
        if expected == 201 {
            let received = endpoint.wait_for(1).await.remove(0);
            assert_eq!(received.header("status"), "201");
            assert!(received.body.ends_with(b"\"confirmed\"}"), "{received:?}");
        } else {
            assert_eq!(bridge.dead_letter(&id).await.status, Some(401));
        }
    }
}
