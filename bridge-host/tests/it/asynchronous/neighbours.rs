//! A message that fails costs the others in its instance time, but no attempt.

use std::time::{Duration, Instant};

use super::files::{Consumer, consumer};
use crate::harness::{Bridge, Letter};

/// Starts a bridge with a composition that does what a message's `x-do` says.
async fn start(lines: &str) -> (Bridge, Consumer) {
    let consumer = consumer(&["service"]);
    let config = consumer.config("told", "/").attempts(2).lines(lines);
    (Bridge::start(&config).await, consumer)
}

/// Returns the dead letter of a message that fails among others, all of which are delivered by
/// their first attempt.
async fn amid_others(told: &str, lines: &str) -> Letter {
    let (bridge, _consumer) = start(lines).await;
    let mut bad = String::new();
    for n in 0..30 {
        bridge.accept("told", &[("x-do", "/slow")], "").await;
        if n == 10 {
            bad = bridge.accept("told", &[("x-do", told)], "").await;
        }
    }
    let letter = bridge.dead_letter(&bad).await;
    let ledger = bridge.ledger_when("told", |it| it.pending == 0).await;
    assert_eq!(
        (ledger.dead_lettered, ledger.accepted),
        (1, 31),
        "{ledger:?}"
    );
    no_other_is_retried(&bridge, &bad);
    letter
}

#[track_caller]
fn no_other_is_retried(bridge: &Bridge, bad: &str) {
    let log = bridge.log();
    let retries = log.iter().filter(|line| line.contains("\"retry\""));
    let others: Vec<_> = retries.filter(|line| !line.contains(bad)).collect();
    assert!(others.is_empty(), "{others:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_is_blamed_on_the_message_that_trapped() {
    let letter = amid_others("/trap", "").await;
    assert_eq!(letter.attempts, 2);
    assert!(
        letter.reason.contains("the component trapped"),
        "{letter:?}"
    );
    assert!(letter.backtrace.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_computes_for_ever_is_stopped_alone() {
    let letter = amid_others("/spin", "limits = { cpu_time = \"300ms\" }").await;
    assert!(
        letter.reason.contains("used more than 300ms of CPU time"),
        "{letter:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_takes_all_memory_is_stopped_alone() {
    let letter = amid_others("/hoard", "limits = { memory = \"32MiB\" }").await;
    assert!(letter.reason.contains("bytes of memory"), "{letter:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_call_never_returns_is_given_up_alone() {
    let began = Instant::now();
    let letter = amid_others("/never", "timeout = \"1s\"").await;
    assert!(
        letter.reason.contains("did not return within 1s"),
        "{letter:?}"
    );
    assert!(
        began.elapsed() >= Duration::from_secs(2),
        "two attempts of 1 s"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_after_the_timeout_costs_no_other_message_an_attempt() {
    let (bridge, _consumer) = start("timeout = \"3s\"").await;
    let trap = [("x-do", "/trap-after?3500")];
    let bad = bridge.accept("told", &trap, "").await;
    tokio::time::sleep(Duration::from_millis(2700)).await;
    bridge.accept("told", &[("x-do", "/wait?1000")], "").await;
    bridge.ledger_when("told", |it| it.delivered == 1).await;
    no_other_is_retried(&bridge, &bad);
}
