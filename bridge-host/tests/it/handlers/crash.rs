//! The bridge is killed while it handles thousands of messages to a handler with replies.

use std::collections::{BTreeMap, BTreeSet};

use super::answering;
use crate::harness::{Bridge, Endpoint, guest, request};

#[tokio::test(flavor = "multi_thread")]
async fn no_reply_is_lost() {
    killed("responder", 3000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_reply_of_a_python_handler_is_lost() {
    killed("python-handler", 10_000).await;
}

async fn killed(component: &str, messages: usize) {
    let endpoint = Endpoint::accepting().await;
    let config = answering("echo", "/echo", &endpoint);
    let config = config.replace(
        &format!("{:?}", guest("responder")),
        &format!("{:?}", guest(component)),
    );
    let mut bridge = Bridge::start(&config).await;
    let lines: String = (0..messages)
        .map(|n| format!("{{\"topic\":\"echo\",\"id\":\"m-{n}\",\"data\":\"{n}\"}}\n"))
        .collect();
    let answer = request(bridge.intake, "POST", "/batch", &[], lines).await;
    assert_eq!(answer.expect("an answer").status, 200);
    for share in [4, 2] {
        endpoint.wait_for(messages / share).await;
        bridge = Bridge::start_in(bridge.kill()).await;
    }
    let ledger = bridge.ledger_when("echo", |it| it.pending == 0).await;
    assert_eq!(ledger.delivered, messages as u64, "{ledger:?}");
    // Each reply is published once, although its request may have been repeated.
    let replies = bridge
        .ledger_when("replies-echo", |it| it.pending == 0)
        .await;
    assert_eq!(replies.accepted, messages as u64, "{replies:?}");
    let mut seen = BTreeMap::new();
    for received in endpoint.received() {
        let text = String::from_utf8(received.body.to_vec()).expect("text");
        seen.entry(received.id())
            .or_insert(BTreeSet::new())
            .insert(text);
    }
    for n in 0..messages {
        let bodies = &seen[&format!("m-{n}.echo.reply")];
        assert_eq!(bodies.iter().collect::<Vec<_>>(), [&n.to_string()]);
    }
    assert_eq!(seen.len(), messages);
}
