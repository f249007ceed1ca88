//! Failing HTTP handlers: each failure has its own outcome, and does not affect other messages.

use std::time::{Duration, Instant};

use super::{HANDLERS, subscription, subscription_of};
use crate::harness::{Bridge, Endpoint, Letter, Reply};

/// Returns the dead letter of a message to this path.
async fn fails(handler: &str, path: &str, to: &str, lines: &str) -> Letter {
    let config = subscription_of(handler, "bad", path, to, lines)
        + subscription_of(handler, "good", "/echo", "", "");
    let bridge = Bridge::start(&config).await;
    let id = bridge.accept("bad", &[], "bad").await;
    for _ in 0..20 {
        bridge.accept("good", &[], "good").await;
    }
    let letter = bridge.dead_letter(&id).await;
    bridge.ledger_when("good", |it| it.delivered == 20).await;
    let ledger = bridge.ledger("bad").await;
    assert!(ledger.balances() && ledger.dead_lettered == 1, "{ledger:?}");
    letter
}

#[track_caller]
fn check(letter: &Letter, attempts: u32, status: Option<u16>, reason: &str) {
    assert_eq!(
        (letter.attempts, letter.status),
        (attempts, status),
        "{letter:?}"
    );
    assert!(letter.reason.contains(reason), "{letter:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_is_retried_and_has_a_backtrace() {
    let reason = "in the HTTP handler: the component trapped";
    for handler in HANDLERS {
        let letter = fails(handler, "/trap", "", "").await;
        check(&letter, 2, None, reason);
        let backtrace = letter.backtrace.expect("a backtrace");
        assert!(backtrace.contains(handler), "{backtrace}");

        let late = fails(handler, "/trap-late", "", "").await;
        check(&late, 2, Some(200), reason);
        assert!(late.backtrace.is_some(), "{late:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_or_unfinished_response_is_a_failure() {
    for path in ["/silent", "/forget"] {
        let letter = fails("responder", path, "", "").await;
        check(&letter, 2, None, "returned before it set a response");
    }
    for (handler, to) in HANDLERS.into_iter().zip([", reuse = true", ""]) {
        let letter = fails(handler, "/unfinished", to, "").await;
        check(&letter, 2, Some(200), "before it finished the body");
        let letter = fails(handler, "/refuse", "", "").await;
        let reason = "the HTTP handler answered with the error \"connection refused\"";
        check(&letter, 2, None, reason);
    }
    let letter = fails("service", "/short", "", "").await;
    check(&letter, 2, Some(200), "the response broke off");
}

/// A body that a handler of wasi:http 0.2 does not finish ends with its instance, as under
/// `wasmtime serve`.
#[tokio::test(flavor = "multi_thread")]
async fn an_unfinished_body_ends_with_its_instance() {
    let config = subscription("left", "/unfinished", "", "");
    let bridge = Bridge::start(&config).await;
    bridge.accept("left", &[], "").await;
    let ledger = bridge.ledger_when("left", |it| it.pending == 0).await;
    assert_eq!(ledger.delivered, 1, "{:#?}", bridge.log());
}

/// A handler may answer without reading the request.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_request_that_is_not_read_is_answered() {
    for handler in HANDLERS {
        let config = subscription_of(handler, "slow", "/slow", "", "");
        let bridge = Bridge::start(&config).await;
        bridge.accept("slow", &[], vec![b'x'; 5 << 20]).await;
        let ledger = bridge.ledger_when("slow", |it| it.pending == 0).await;
        assert_eq!(ledger.delivered, 1, "{handler}: {:#?}", bridge.log());
        let log = bridge.log();
        assert!(
            !log.iter().any(|line| line.contains("\"retry\"")),
            "{log:#?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_hangs_spins_or_hoards_is_stopped() {
    for handler in HANDLERS {
        let letter = fails(handler, "/never", ", timeout = \"200ms\"", "").await;
        check(&letter, 2, None, "timed out");
        let letter = fails(handler, "/hang-late", "", "timeout = \"300ms\"").await;
        check(&letter, 2, Some(200), "did not return within 300ms");
        let letter = fails(handler, "/spin", "", "limits = { cpu_time = \"200ms\" }").await;
        check(&letter, 2, None, "used more than 200ms of CPU time");
        let letter = fails(handler, "/hoard", "", "limits = { memory = \"16MiB\" }").await;
        check(&letter, 2, None, "bytes of memory");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statuses_mean_the_same_as_on_the_network() {
    for handler in HANDLERS {
        let letter = fails(handler, "/gone", "", "").await;
        let reason = "http://handler.internal answered 410: no such order";
        check(&letter, 1, Some(410), reason);
    }

    let config = subscription("busy", "/busy", "", "").replace(
        "initial_delay = \"1ms\", max_delay = \"2ms\"",
        "initial_delay = \"1ms\", max_delay = \"1h\"",
    );
    let bridge = Bridge::start(&config).await;
    let began = Instant::now();
    let id = bridge.accept("busy", &[], "").await;
    let letter = bridge.dead_letter(&id).await;
    check(&letter, 2, Some(503), "answered 503: come again");
    let waited = began.elapsed();
    assert!(
        waited >= Duration::from_secs(1),
        "Retry-After counts: {waited:?}"
    );

    let listed = subscription("gone", "/gone", ", successful_on = [410]", "");
    let bridge = Bridge::start(&listed).await;
    bridge.accept("gone", &[], "").await;
    bridge.ledger_when("gone", |it| it.delivered == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_stuck_handler_does_not_hold_the_others() {
    let timeout = ", timeout = \"30s\"";
    let config = subscription("mixed", "/never", timeout, "max_in_flight = 2")
        + subscription("good", "/slow", "", "");
    let bridge = Bridge::start_with("shutdown = { drain_timeout = \"500ms\" }", &config).await;
    bridge.accept("mixed", &[], "").await;
    for _ in 0..200 {
        bridge.accept("good", &[], "").await;
    }
    bridge.ledger_when("good", |it| it.delivered == 200).await;
    assert_eq!(bridge.ledger("mixed").await.pending, 1);
    // The handler is stopped when its attempt ends.
    let began = Instant::now();
    let (status, _) = bridge.stop();
    assert!(began.elapsed() < Duration::from_secs(10), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_asks_itself_goes_where_allow_says() {
    let endpoint = Endpoint::start(|_, _| Reply::status(418)).await;
    let url = format!("http://{}", endpoint.address);
    let allow = format!("allow = [\"127.0.0.1:{}\"]", endpoint.address.port());
    let headers = format!(", headers = {{ x-url = {url:?} }}");
    for (n, handler) in HANDLERS.into_iter().enumerate() {
        let letter = fails(handler, "/fetch", &headers, &allow).await;
        check(&letter, 1, Some(410), "fetched 418");
        assert_eq!(endpoint.received().len(), n + 1);

        let letter = fails(handler, "/fetch", &headers, "").await;
        check(&letter, 1, Some(410), "HttpRequestDenied");
        assert_eq!(endpoint.received().len(), n + 1);
    }
}
