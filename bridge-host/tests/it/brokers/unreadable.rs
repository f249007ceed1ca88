//! Messages that the NATS client cannot read, in all forms that a publisher without a library can
//! produce. None of them stops other messages.

use std::collections::HashSet;

use super::Server;
use super::core::CoreNats;
use super::hosts::{arrived, bridge};
use super::jetstream::JetStreamServer;
use crate::harness::{Bridge, Endpoint, request, until};

/// Headers, from the version line to the data.
const FORMS: [&[u8]; 9] = [
    b"NATS/1.0\r\na name: 1\r\nNats-Msg-Id: bad-0\r\n\r\n",
    b"NATS/1.0\r\nx: \xff\r\n\r\n",
    b"NATS/1.0\r\nx: a\rb\r\n\r\n",
    b"NATS/1.0\r\nno colon\r\n\r\n",
    b"NATS/1.0 ok\r\n\r\n",
    b"NATS/2.0\r\nx: 1\r\n\r\n",
    b"nonsense",
    b"NATS/1.0\r\n\xc3\xa4: 1\r\n\r\n",
    b"NATS/1.0\r\nx: 1\r\n b\rc\r\n\r\n",
];
const ALL: usize = 100;

async fn is_ready(bridge: &Bridge) -> Option<()> {
    let answer = request(bridge.intake, "GET", "/readyz", &[], "").await;
    (answer.ok()?.status == 200).then_some(())
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_messages_in_a_stream_become_dead_letters() {
    let server = JetStreamServer::start().await;
    let endpoint = Endpoint::accepting().await;
    let bridge = bridge(&server, &endpoint, "").await;
    let mut good = HashSet::new();
    for n in 0..ALL {
        if let Some(headers) = FORMS.get(n / 5).filter(|_| n % 5 == 2) {
            server.0.publish_raw("orders.bad", headers, "bad").await;
        }
        // The message does not go through the bridge, whose connection breaks meanwhile.
        let headers = format!("NATS/1.0\r\nNats-Msg-Id: good-{n}\r\n\r\n");
        server.0.publish_raw("orders.new", headers, "good").await;
        good.insert(format!("good-{n}"));
    }
    server
        .0
        .publish_raw(b"orders.\xff", b"NATS/1.0\r\n\r\n", "bad")
        .await;
    until("the good ones", async || {
        good.is_subset(&arrived(&endpoint).0).then_some(())
    })
    .await;
    let given_up = |ledger: &crate::harness::Ledger| ledger.dead_lettered as usize > FORMS.len();
    let ledger = bridge.ledger_when("orders", given_up).await;
    assert_eq!(ledger.dead_lettered as usize, FORMS.len() + 1, "{ledger:?}");
    until("readiness", async || is_ready(&bridge).await).await;
    // No message is left that could break the connection again.
    until("the server's books", async || {
        (bridge.ledger("orders").await.pending == 0).then_some(())
    })
    .await;

    let letter = bridge.dead_letter("bad-0").await;
    assert!(
        letter.reason.contains("cannot be read"),
        "{}",
        letter.reason
    );
    let number = letter.letter.to_string();
    let shown = bridge.command(&["dead-letters", "show", &number]);
    assert!(shown.contains(r"NATS/1.0\r\na name: 1\r\n"), "{shown}");
    // A replayed message is delivered like any other.
    bridge.command(&["dead-letters", "replay", &number]);
    until("the replayed one", async || {
        arrived(&endpoint).0.contains("bad-0").then_some(())
    })
    .await;
}

/// Messages after an unreadable one arrive, and the log says which subjects may have lost messages.
#[tokio::test(flavor = "multi_thread")]
async fn unreadable_messages_of_core_nats_are_logged() {
    let server = CoreNats::start().await;
    let endpoint = Endpoint::accepting().await;
    let bridge = bridge(&server, &endpoint, "").await;
    for headers in FORMS {
        server.0.publish_raw("orders.bad", headers, "bad").await;
        // Publishes until a message arrives, because the connection is lost meanwhile.
        let before = endpoint.received().len();
        until("a message", async || {
            let id = request(bridge.intake, "POST", "/topics/orders.new", &[], "good").await;
            assert!(id.is_ok());
            (endpoint.received().len() > before).then_some(())
        })
        .await;
    }
    until("readiness", async || is_ready(&bridge).await).await;
    let log = bridge.log().join("\n");
    let told = "cannot be read: this message, and the messages after it, are lost";
    assert!(log.contains(told), "{log}");
    assert!(log.contains("\"subjects\":\"orders.>\""), "{log}");
    // The log has one line and a count, not a line for each.
    assert!(log.matches(told).count() < FORMS.len(), "{log}");
}
