//! Replies: responses of handlers and of endpoints on the network become messages, once each, and
//! only if the exchange succeeded.

use super::{answering, subscription};
use crate::harness::{Bridge, Config, Endpoint, Reply};

#[tokio::test(flavor = "multi_thread")]
async fn a_cloudevent_in_a_response_becomes_a_message() {
    let endpoint = Endpoint::accepting().await;
    let bridge = Bridge::start(&answering("event", "/event", &endpoint)).await;
    let id = bridge.accept("event", &[], "").await;
    let received = endpoint.wait_for(1).await.remove(0);
    assert_eq!(received.id(), format!("{id}.event.reply"));
    assert_eq!(received.header("message-topic"), "replies.event");
    assert_eq!(received.header("ce-id"), "event-7");
    assert_eq!(received.header("ce-type"), "order.taken");
    assert_eq!(received.header("ce-source"), "/shop");
    assert_eq!(received.header("status"), "202");
    assert_eq!(received.body, "{\"taken\":true}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_responses_of_successful_exchanges_become_messages() {
    let endpoint = Endpoint::accepting().await;
    let config = answering("gone", "/gone", &endpoint)
        + answering("late", "/trap-late", &endpoint)
        + answering("echo", "/echo", &endpoint);
    let bridge = Bridge::start(&config).await;
    for topic in ["gone", "late"] {
        let id = bridge.accept(topic, &[], "").await;
        bridge.dead_letter(&id).await;
    }
    bridge.accept("echo", &[], "last").await;
    endpoint.wait_for(1).await;
    assert_eq!(endpoint.received().len(), 1);
    for name in ["replies-gone", "replies-late"] {
        assert_eq!(bridge.ledger(name).await.accepted, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_from_the_network_becomes_a_message() {
    let endpoint = Endpoint::start(|received, _| match received.path.as_str() {
        "/ask" => Reply::status(201).with("x-order", "7"),
        _ => Reply::status(204),
    })
    .await;
    let ask = Config::subscription("ask", "ask")
        .to(&endpoint.url("/ask"))
        .lines("reply_to = { topic = \"answers\" }");
    let answers = Config::subscription("answers", "answers").to(&endpoint.url("/answers"));
    let config = ask + answers;
    let bridge = Bridge::start(&config).await;
    let id = bridge.accept("ask", &[], "what").await;
    let received = endpoint.wait_for(2).await.remove(1);
    assert_eq!(received.path, "/answers");
    assert_eq!(received.id(), format!("{id}.ask.reply"));
    assert_eq!(received.header("status"), "201");
    assert_eq!(received.header("x-order"), "7");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_that_is_too_long_is_a_dead_letter() {
    let lines = "reply_to = { topic = \"replies\", max_size = \"64KiB\" }";
    let config = subscription("large", "/stream?65537", "", lines);
    let bridge = Bridge::start(&config).await;
    let id = bridge.accept("large", &[], "").await;
    let letter = bridge.dead_letter(&id).await;
    assert_eq!((letter.attempts, letter.status), (1, Some(200)));
    assert!(letter.reason.contains("`reply_to.max_size`"), "{letter:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_cannot_be_published_is_no_success() {
    let lines = "reply_to = { connection = \"small\", topic = \"replies\" }";
    let config = subscription("echo", "/echo", "", lines)
        + "[connections.small]\ntype = \"embedded\"\npath = \"small\"\nmax_message_size = \"1KiB\"\n";
    let bridge = Bridge::start(&config).await;
    let id = bridge.accept("echo", &[], vec![b'x'; 2000]).await;
    let letter = bridge.dead_letter(&id).await;
    assert!(
        letter.reason.contains("cannot publish the reply"),
        "{letter:?}"
    );
    bridge.accept("echo", &[], "short").await;
    bridge.ledger_when("echo", |it| it.delivered == 1).await;
}
