//! Tests each row of the table of results, and the invariants of all rows.

use std::num::NonZeroU32;
use std::time::Duration;

use super::*;
use crate::guest::{ExchangeRecord, Failure};

fn outcome(result: CallResult, exchanges: Vec<ExchangeRecord>, sent: u32) -> Outcome {
    Outcome {
        result,
        exchanges,
        sent,
        has_hidden_effects: false,
        replies: Vec::new(),
        unprocessed: None,
    }
}

fn exchange(status: Option<u16>, retry_after: Option<u64>) -> ExchangeRecord {
    ExchangeRecord {
        result: status.ok_or_else(|| "connection refused".into()),
        retry_after: retry_after.map(Duration::from_secs),
        took: Duration::from_millis(3),
    }
}

fn trap() -> CallResult {
    CallResult::Failed(Failure::Trap {
        message: "unreachable".into(),
        backtrace: Some("0: f\n1: g".into()),
    })
}

/// Every failure of the component itself.
fn failed() -> Vec<CallResult> {
    let failures = [
        Failure::OutOfTime(Duration::from_secs(30)),
        Failure::OutOfCpuTime(Duration::from_secs(5)),
        Failure::OutOfMemory(1 << 20),
        Failure::Start("no such import".into()),
    ];
    let failures = failures.map(CallResult::Failed).into_iter();
    failures.chain([trap()]).collect()
}

/// The attempt with this number, `seconds` after the first one began.
fn nth(made: u32, seconds: u64) -> Attempts {
    Attempts {
        made,
        over: Duration::from_secs(seconds),
    }
}

fn dead(settlement: Settlement) -> DeadLetter {
    match settlement {
        Settlement::DeadLetter(letter) => letter,
        other => panic!("{other:?} is no dead letter"),
    }
}

#[test]
fn ok_is_delivered_or_filtered() {
    let policy = Policy::default();
    let decide = |exchanges, sent| {
        let outcome = outcome(CallResult::Ok, exchanges, sent);
        decide(&outcome, nth(1, 0), &policy, 0.5)
    };
    assert_eq!(decide(vec![], 0), Settlement::Filtered);
    assert_eq!(decide(vec![], 1), Settlement::Delivered);
    assert_eq!(
        decide(vec![exchange(Some(204), None)], 0),
        Settlement::Delivered
    );
    // The component judges its exchanges, whatever their statuses were.
    assert_eq!(
        decide(vec![exchange(Some(500), None)], 0),
        Settlement::Delivered
    );
    assert_eq!(decide(vec![exchange(None, None)], 0), Settlement::Delivered);
}

#[test]
fn ok_of_a_self_contained_component_is_delivered() {
    let mut hidden = outcome(CallResult::Ok, vec![], 0);
    hidden.has_hidden_effects = true;
    let settlement = super::decide(&hidden, nth(1, 0), &Policy::default(), 0.0);
    assert_eq!(settlement, Settlement::Delivered);
}

#[test]
fn ok_is_never_retried_even_after_the_last_attempt() {
    let ok = outcome(CallResult::Ok, vec![], 1);
    let verdict = decide(&ok, nth(u32::MAX, u64::MAX), &Policy::default(), 0.0);
    assert_eq!(verdict, Settlement::Delivered);
}

#[test]
fn other_is_a_dead_letter_at_once() {
    let gone = CallResult::Other("the endpoint answered 410".into());
    let gone = outcome(
        gone,
        vec![exchange(None, None), exchange(Some(410), None)],
        0,
    );
    let expected = DeadLetter {
        reason: "the endpoint answered 410".into(),
        status: Some(410),
        attempts: 3,
        backtrace: None,
        key: None,
    };
    assert_eq!(
        dead(decide(&gone, nth(3, 1), &Policy::default(), 0.0)),
        expected
    );
}

const THREE_DAYS: u64 = 3 * 24 * 3600;

#[test]
fn a_failing_endpoint_is_retried_for_three_days() {
    let policy = Policy::default();
    let failures = [CallResult::Timeout, CallResult::Connection("503".into())];
    for failed in failures.map(|result| outcome(result, vec![], 0)) {
        for attempts in [nth(1, 0), nth(13, 1200), nth(u32::MAX, THREE_DAYS - 1)] {
            let verdict = decide(&failed, attempts, &policy, 0.3);
            assert!(matches!(verdict, Settlement::Retry(_)), "{verdict:?}");
        }
        let letter = dead(decide(&failed, nth(85, THREE_DAYS), &policy, 0.3));
        assert_eq!(letter.attempts, 85);
        let start = "gave up after 85 attempts in 3 days: ";
        assert!(letter.reason.starts_with(start), "{}", letter.reason);
        assert!(letter.reason.len() > start.len());
    }
}

#[test]
fn the_last_attempt_is_made_when_max_age_is_reached() {
    let busy = outcome(CallResult::Connection("503".into()), vec![], 0);
    let verdict = decide(&busy, nth(80, THREE_DAYS - 60), &Policy::default(), 1.0);
    assert_eq!(verdict, Settlement::Retry(Duration::from_secs(60)));
    // The endpoint asked for a longer wait.
    let asked = exchange(Some(503), Some(1800));
    let busy = outcome(CallResult::Connection("503".into()), vec![asked], 0);
    let verdict = decide(&busy, nth(80, THREE_DAYS - 60), &Policy::default(), 0.0);
    assert_eq!(verdict, Settlement::Retry(Duration::from_secs(1800)));
}

#[test]
fn a_failing_component_is_attempted_twelve_times() {
    let policy = Policy::default();
    for result in failed() {
        let failed = outcome(result, vec![], 0);
        let verdict = decide(&failed, nth(11, 900), &policy, 0.3);
        assert!(matches!(verdict, Settlement::Retry(_)), "{verdict:?}");
        for made in [12, 13, u32::MAX] {
            let letter = dead(decide(&failed, nth(made, 7300), &policy, 0.3));
            let start = format!("gave up after {made} attempts in 2 hours: ");
            assert!(letter.reason.starts_with(&start), "{}", letter.reason);
        }
    }
}

#[test]
fn max_age_bounds_failures_of_the_component_too() {
    let policy = Policy {
        max_in_flight: 1,
        ..Policy::default()
    };
    for result in failed().into_iter().chain([CallResult::Timeout]) {
        let failed = outcome(result, vec![], 0);
        let verdict = decide(&failed, nth(2, 899), &policy, 0.3);
        assert!(matches!(verdict, Settlement::Retry(_)), "{verdict:?}");
        let letter = dead(decide(&failed, nth(2, 900), &policy, 0.3));
        let start = "gave up after 2 attempts in 15 minutes: ";
        assert!(letter.reason.starts_with(start), "{}", letter.reason);
    }
}

#[test]
fn max_attempts_bounds_all_failures() {
    let mut policy = Policy::default();
    policy.retry.max_attempts = NonZeroU32::new(20);
    for result in failed().into_iter().chain([CallResult::Timeout]) {
        let failed = outcome(result, vec![], 0);
        let verdict = decide(&failed, nth(19, 0), &policy, 0.3);
        assert!(matches!(verdict, Settlement::Retry(_)), "{verdict:?}");
        assert_eq!(dead(decide(&failed, nth(20, 0), &policy, 0.3)).attempts, 20);
    }
}

#[test]
fn a_component_that_waited_for_an_answer_is_not_at_fault() {
    let late = || CallResult::Failed(Failure::OutOfTime(Duration::from_secs(30)));
    let decide = |exchanges| {
        let late = outcome(late(), exchanges, 0);
        super::decide(&late, nth(40, 7200), &Policy::default(), 0.3)
    };
    let verdict = decide(vec![exchange(Some(200), None), exchange(None, None)]);
    assert!(matches!(verdict, Settlement::Retry(_)), "{verdict:?}");
    assert_eq!(dead(decide(vec![exchange(Some(200), None)])).attempts, 40);
}

#[test]
fn times_are_displayed_in_words() {
    let shown = |made, seconds| nth(made, seconds).to_string();
    assert_eq!(shown(1, 30), "1 attempt");
    assert_eq!(shown(2, 0), "2 attempts");
    assert_eq!(shown(2, 1), "2 attempts in 1 second");
    assert_eq!(shown(3, 119), "3 attempts in 119 seconds");
    assert_eq!(shown(9, 900), "9 attempts in 15 minutes");
    assert_eq!(shown(9, 47 * 3600), "9 attempts in 47 hours");
    assert_eq!(shown(90, THREE_DAYS), "90 attempts in 3 days");
}

#[test]
fn a_dead_letter_keeps_the_backtrace_of_a_trap() {
    let mut policy = Policy::default();
    policy.retry.max_attempts = NonZeroU32::new(1);
    let letter = dead(decide(&outcome(trap(), vec![], 0), nth(1, 0), &policy, 0.0));
    let expected = "gave up after 1 attempt: the component trapped: unreachable";
    assert_eq!(letter.reason, expected);
    assert_eq!(letter.backtrace.as_deref(), Some("0: f\n1: g"));
}

#[test]
fn the_retry_after_of_the_last_exchange_counts() {
    let policy = Policy::default();
    let wait = |exchanges, jitter| {
        let busy = outcome(CallResult::Connection("503".into()), exchanges, 0);
        match decide(&busy, nth(1, 0), &policy, jitter) {
            Settlement::Retry(wait) => wait,
            other => panic!("{other:?} is no retry"),
        }
    };
    let asked = exchange(Some(503), Some(60));
    assert_eq!(wait(vec![asked.clone()], 0.0), Duration::from_secs(60));
    assert_eq!(wait(vec![asked.clone()], 1.0), Duration::from_secs(66));
    let since = exchange(Some(503), None);
    assert_eq!(wait(vec![asked, since], 1.0), Duration::from_millis(500));
    let never = exchange(Some(503), Some(u64::MAX));
    assert_eq!(wait(vec![never], 0.5), policy.retry.max_delay);
}

#[test]
fn a_reason_is_one_line_of_bounded_length() {
    let reason = |text: &str| {
        let outcome = outcome(CallResult::Other(text.into()), vec![], 0);
        Reason(&outcome).to_string()
    };
    assert_eq!(reason("no\nway\u{0}!\n"), "no way !");
    assert_eq!(reason("\n"), "the component gave no reason");
    assert_eq!(reason(&"ü".repeat(MAX_REASON)).chars().count(), MAX_REASON);
    let long = reason(&"ü".repeat(MAX_REASON + 1));
    assert_eq!(long.chars().count(), MAX_REASON + 1);
    assert!(long.ends_with('…'));
}

#[test]
fn a_reason_includes_what_the_host_saw() {
    let unanswered = |text: &str| ExchangeRecord {
        result: Err(text.into()),
        retry_after: None,
        took: Duration::ZERO,
    };
    let reason = |result, seen: &str| {
        let outcome = outcome(result, vec![unanswered(seen)], 0);
        Reason(&outcome).to_string()
    };
    let late = "no response from shop.example within 30s";
    assert_eq!(
        reason(CallResult::Timeout, late),
        format!("timed out: {late}")
    );
    let said = || CallResult::Other("TLS failed: it has expired".into());
    assert_eq!(
        reason(said(), "it has expired"),
        "TLS failed: it has expired"
    );
    assert_eq!(
        reason(CallResult::Timeout, ExchangeRecord::NOT_ANSWERED),
        "timed out"
    );
    let long = reason(CallResult::Timeout, &"x".repeat(2 * MAX_REASON));
    assert!(long.len() < MAX_REASON + 50, "{}", long.len());
}
