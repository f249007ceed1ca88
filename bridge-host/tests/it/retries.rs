//! What an endpoint answers, and what becomes of the message.

use std::time::{Duration, Instant};

use crate::harness::{Bridge, Endpoint, Reply};

fn config(endpoint: &Endpoint, more: &str) -> String {
    format!(
        "[[subscriptions]]\nname = \"all\"\ntopics = [\">\"]\nto = {:?}\n\
         retry = {{ max_attempts = 3, initial = \"1ms\", max = \"5s\" }}\n{more}\n",
        endpoint.url("/")
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn each_status_has_its_meaning() {
    let endpoint = Endpoint::start(|received, _| {
        let topic = received.header("message-topic");
        let status = topic.trim_start_matches("status.");
        Reply::status(status.parse().expect("a status"))
    })
    .await;
    let bridge = Bridge::start(&config(&endpoint, "")).await;
    for status in [200, 201, 202, 204] {
        bridge.accept(&format!("status.{status}"), &[], "").await;
    }
    bridge
        .ledger_when("all", |ledger| ledger.delivered == 4)
        .await;
    for status in [301, 302, 307, 400, 401, 404, 410, 422] {
        let id = bridge.accept(&format!("status.{status}"), &[], "").await;
        let letter = bridge.dead_letter(&id).await;
        assert_eq!(
            (letter.status, letter.attempts),
            (Some(status), 1),
            "{letter:?}"
        );
    }
    for status in [408, 425, 429, 500, 502, 503, 504] {
        let id = bridge.accept(&format!("status.{status}"), &[], "").await;
        let letter = bridge.dead_letter(&id).await;
        assert_eq!(
            (letter.status, letter.attempts),
            (Some(status), 3),
            "{letter:?}"
        );
    }
    let ledger = bridge.ledger("all").await;
    assert!(ledger.balances() && ledger.pending == 0, "{ledger:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_attempt_has_the_same_id() {
    let endpoint =
        Endpoint::start(|_, before| Reply::status(if before < 2 { 503 } else { 204 })).await;
    let bridge = Bridge::start(&config(&endpoint, "")).await;
    let id = bridge.accept("orders", &[], "x").await;
    let received = endpoint.wait_for(3).await;
    assert!(received.iter().all(|one| one.id() == id), "{received:?}");
    bridge
        .ledger_when("all", |ledger| ledger.delivered == 1)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_honoured_in_both_forms() {
    for dated in [false, true] {
        let endpoint = Endpoint::start(move |_, before| match before {
            0 if dated => {
                let then = std::time::SystemTime::now() + Duration::from_secs(2);
                Reply::status(503).with("retry-after", httpdate::fmt_http_date(then))
            }
            0 => Reply::status(429).with("retry-after", "1"),
            _ => Reply::status(204),
        })
        .await;
        let bridge = Bridge::start(&config(&endpoint, "")).await;
        bridge.accept("orders", &[], "x").await;
        let received = endpoint.wait_for(2).await;
        let waited = received[1].at - received[0].at;
        // A date has whole seconds: two seconds from now may be one and a bit.
        assert!(waited >= Duration::from_millis(990), "{waited:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lists_change_the_meaning() {
    let endpoint = Endpoint::start(|received, _| {
        let status = received
            .header("message-topic")
            .trim_start_matches("status.")
            .to_owned();
        Reply::status(status.parse().expect("a status"))
    })
    .await;
    let bridge = Bridge::start(&format!(
        "[[subscriptions]]\nname = \"all\"\ntopics = [\">\"]\n\
         retry = {{ max_attempts = 2, initial = \"1ms\", max = \"1ms\" }}\n\
         to = {{ url = {:?}, successful_on = [404], retry_on = [\"410-419\", 422], dead_letter_on = [503] }}\n",
        endpoint.url("/")
    ))
    .await;
    bridge.accept("status.404", &[], "").await;
    bridge
        .ledger_when("all", |ledger| ledger.delivered == 1)
        .await;
    for (status, attempts) in [(410, 2), (422, 2), (503, 1)] {
        let id = bridge.accept(&format!("status.{status}"), &[], "").await;
        let letter = bridge.dead_letter(&id).await;
        assert_eq!(
            (letter.status, letter.attempts),
            (Some(status), attempts),
            "{letter:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_at_the_endpoint() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = gone.local_addr().expect("an address");
    drop(gone);
    let bridge = Bridge::start(&format!(
        "[[subscriptions]]\nname = \"all\"\ntopics = [\">\"]\nto = \"http://{address}/\"\n\
         retry = {{ max_attempts = 2, initial = \"1ms\", max = \"1ms\" }}\n"
    ))
    .await;
    let id = bridge.accept("orders", &[], "x").await;
    let letter = bridge.dead_letter(&id).await;
    assert_eq!((letter.status, letter.attempts), (None, 2), "{letter:?}");
    assert!(letter.reason.contains("refused"), "{}", letter.reason);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_never_answers() {
    let endpoint =
        Endpoint::start(|_, _| Reply::status(204).after(Duration::from_secs(3600))).await;
    let bridge = Bridge::start(&config(&endpoint, "timeout = \"200ms\"")).await;
    let began = Instant::now();
    let id = bridge.accept("orders", &[], "x").await;
    let letter = bridge.dead_letter(&id).await;
    assert_eq!(letter.attempts, 3);
    assert!(began.elapsed() >= Duration::from_millis(500));
}

/// The connection is a kept one from the second message on: its exchange has no
/// task of its own.
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_stops_answering() {
    let endpoint = Endpoint::start(|_, before| match before {
        1..=3 => Reply::status(204).after(Duration::from_secs(3600)),
        _ => Reply::status(204),
    })
    .await;
    let more = "max_in_flight = 1\ntimeout = \"300ms\"";
    let bridge = Bridge::start(&config(&endpoint, more)).await;
    bridge.accept("orders", &[], "answered").await;
    bridge
        .ledger_when("all", |ledger| ledger.delivered == 1)
        .await;
    let id = bridge.accept("orders", &[], "not answered").await;
    let letter = bridge.dead_letter(&id).await;
    assert_eq!((letter.status, letter.attempts), (None, 3), "{letter:?}");
    assert!(letter.reason.contains("timed out"), "{}", letter.reason);
    bridge.accept("orders", &[], "answered again").await;
    bridge
        .ledger_when("all", |ledger| ledger.delivered == 2)
        .await;
    assert_eq!(endpoint.received().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn order_is_kept_with_one_in_flight() {
    let endpoint =
        Endpoint::start(|_, before| Reply::status(if before % 3 == 0 { 503 } else { 204 })).await;
    let more = "max_in_flight = 1";
    let bridge =
        Bridge::start(&config(&endpoint, more).replace("max_attempts = 3", "max_attempts = 30"))
            .await;
    for n in 0..30 {
        bridge.accept("orders", &[], n.to_string()).await;
    }
    bridge
        .ledger_when("all", |ledger| ledger.delivered == 30)
        .await;
    let mut bodies: Vec<u32> = endpoint
        .received()
        .iter()
        .map(|one| {
            String::from_utf8_lossy(&one.body)
                .parse()
                .expect("a number")
        })
        .collect();
    bodies.dedup();
    assert_eq!(bodies, (0..30).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_blocks_nobody() {
    let endpoint = Endpoint::start(|received, _| {
        Reply::status(if received.body == "poison" { 500 } else { 204 })
    })
    .await;
    let more = "max_in_flight = 2";
    let slow = config(&endpoint, more).replace("initial = \"1ms\"", "initial = \"4s\"");
    let bridge = Bridge::start(&slow).await;
    for _ in 0..10 {
        bridge.accept("orders", &[], "poison").await;
    }
    for _ in 0..100 {
        bridge.accept("orders", &[], "fine").await;
    }
    let ledger = bridge
        .ledger_when("all", |ledger| ledger.delivered == 100)
        .await;
    assert!(ledger.balances(), "{ledger:?}");
}
