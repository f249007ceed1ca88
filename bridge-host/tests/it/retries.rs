//! What an endpoint answers, and what becomes of the message.

use std::time::{Duration, Instant};

use crate::harness::{Bridge, Config, Endpoint, Reply, ReservedAddress};

fn config(endpoint: &Endpoint, more: &str) -> Config {
    let retry = "retry = { max_attempts = 3, initial_delay = \"1ms\", max_delay = \"5s\" }";
    Config::all(endpoint).lines(retry).lines(more)
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
        // A date has whole seconds, so two seconds from now may be little more
        // than one.
        assert!(waited >= Duration::from_millis(990), "{waited:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn successful_on_retry_on_and_dead_letter_on_change_the_meaning() {
    let endpoint = Endpoint::start(|received, _| {
        let status = received
            .header("message-topic")
            .trim_start_matches("status.")
            .to_owned();
        Reply::status(status.parse().expect("a status"))
    })
    .await;
    let to = format!(
        "to = {{ url = {:?}, successful_on = [404], retry_on = [\"410-419\", 422], \
         dead_letter_on = [503] }}",
        endpoint.url("/")
    );
    let config = Config::subscription("all", ">").attempts(2).lines(&to);
    let bridge = Bridge::start(&config).await;
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
async fn a_refused_connection_is_retried() {
    let unused_port = ReservedAddress::new();
    let config = Config::subscription("all", ">").to(&unused_port.url("/"));
    let bridge = Bridge::start(&config.attempts(2)).await;
    let id = bridge.accept("orders", &[], "x").await;
    let letter = bridge.dead_letter(&id).await;
    assert_eq!((letter.status, letter.attempts), (None, 2), "{letter:?}");
    assert!(letter.reason.contains("refused"), "{}", letter.reason);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_at_a_silent_endpoint_ends_at_the_timeout() {
    let endpoint =
        Endpoint::start(|_, _| Reply::status(204).after(Duration::from_secs(3600))).await;
    let bridge = Bridge::start(&config(&endpoint, "timeout = \"200ms\"")).await;
    let began = Instant::now();
    let id = bridge.accept("orders", &[], "x").await;
    let letter = bridge.dead_letter(&id).await;
    assert_eq!(letter.attempts, 3);
    assert!(began.elapsed() >= Duration::from_millis(500));
}

/// From the second message on, the connection is pooled, and its exchange has no
/// separate task.
#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_on_a_kept_connection_ends_at_the_timeout() {
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
async fn messages_that_fail_do_not_block_others() {
    let endpoint = Endpoint::start(|received, _| {
        Reply::status(if received.body == "poison" { 500 } else { 204 })
    })
    .await;
    let more = "max_in_flight = 2";
    let slow = config(&endpoint, more).replace("initial_delay = \"1ms\"", "initial_delay = \"4s\"");
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

/// Without `max_attempts`, an outage longer than the twelve attempts for failing
/// components costs no message.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_costs_no_message() {
    let endpoint =
        Endpoint::start(|_, before| Reply::status(if before < 40 { 503 } else { 204 })).await;
    let more = config(&endpoint, "").replace("max_attempts = 3", "max_age = \"3d\"");
    let bridge = Bridge::start(&more.replace("\"5s\"", "\"20ms\"")).await;
    bridge.accept("orders", &[], "x").await;
    let ledger = bridge
        .ledger_when("all", |ledger| ledger.delivered == 1)
        .await;
    assert_eq!((ledger.dead_lettered, endpoint.received().len()), (0, 41));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_max_age_a_delivery_is_given_up() {
    let endpoint = Endpoint::start(|_, _| Reply::status(503)).await;
    let more = config(&endpoint, "").replace("max_attempts = 3", "max_age = \"3s\"");
    let bridge = Bridge::start(&more.replace("\"5s\"", "\"50ms\"")).await;
    let began = Instant::now();
    let id = bridge.accept("orders", &[], "x").await;
    let letter = bridge.dead_letter(&id).await;
    assert!(began.elapsed() >= Duration::from_secs(3), "{letter:?}");
    assert!(letter.attempts > 12, "{letter:?}");
    let start = format!("gave up after {} attempts in ", letter.attempts);
    assert!(letter.reason.starts_with(&start), "{}", letter.reason);
}

/// The age counts from the first attempt, not from publication, also after a
/// restart.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_backlog_is_not_given_up_at_once() {
    let endpoint = Endpoint::start(|_, _| Reply::status(503)).await;
    let patient = config(&endpoint, "").replace("max_attempts = 3", "max_age = \"4s\"");
    let patient = patient.replace("\"5s\"", "\"100ms\"");
    // One attempt per minute: the second message waits as a backlog.
    let bridge = Bridge::start(&format!("{patient}rate_limit = \"1/m\"\n")).await;
    let first = bridge.accept("orders", &[], "first").await;
    endpoint.wait_for(1).await;
    let second = bridge.accept("orders", &[], "second").await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(endpoint.received().len(), 1);
    let folder = bridge.kill();
    let file = folder.path().join("bridge.toml");
    let config = std::fs::read_to_string(&file).expect("a file");
    let config = config.replace("rate_limit = \"1/m\"\n", "");
    std::fs::write(&file, config).expect("a file");
    let bridge = Bridge::start_in(folder).await;
    let letter = bridge.dead_letter(&second).await;
    // More attempts than fit into four seconds.
    assert!(letter.attempts > 5, "{letter:?}");
    // The other message had its first attempt earlier, and gets only one more.
    let letter = bridge.dead_letter(&first).await;
    assert_eq!(letter.attempts, 2, "{letter:?}");
}

/// During a rollout a route may be missing, or a secret unknown.
#[tokio::test(flavor = "multi_thread")]
async fn statuses_of_a_rollout_can_be_retried() {
    let endpoint = Endpoint::start(|_, before| {
        let statuses = [404, 401, 404, 401, 404];
        Reply::status(statuses.get(before).copied().unwrap_or(204))
    })
    .await;
    let to = format!("{{ url = {:?}, retry_on = [401, 404] }}", endpoint.url("/"));
    let config = config(&endpoint, "").replace(&format!("{:?}", endpoint.url("/")), &to);
    let bridge = Bridge::start(&config.replace("max_attempts = 3, ", "")).await;
    bridge.accept("orders", &[], "x").await;
    bridge
        .ledger_when("all", |ledger| ledger.delivered == 1)
        .await;
    assert_eq!(endpoint.received().len(), 6);
}

/// The failures of a dead endpoint are logged and counted, but not each in a
/// line.
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_failures_log_few_lines() {
    const MESSAGES: u64 = 2000;
    let endpoint = Endpoint::start(|_, _| Reply::status(503)).await;
    let five = config(&endpoint, "").replace("max_attempts = 3", "max_attempts = 5");
    let bridge = Bridge::start(&five.replace("\"5s\"", "\"5ms\"")).await;
    let line = "{\"topic\":\"orders\",\"data\":\"x\"}\n";
    let lines = line.repeat(MESSAGES as usize);
    let answer = crate::harness::request(bridge.intake, "POST", "/batch", &[], lines).await;
    assert_eq!(answer.expect("an answer").status, 200);
    bridge
        .ledger_when("all", |ledger| ledger.dead_lettered == MESSAGES)
        .await;
    assert_eq!(endpoint.received().len() as u64, 5 * MESSAGES);
    let log = bridge.log();
    let graver = log.iter().filter(|line| !line.contains("\"DEBUG\""));
    assert!(graver.clone().count() < 200, "{}", graver.count());
}
