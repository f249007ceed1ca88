//! The table of results, row by row, and what holds for all of them.

use std::time::Duration;

use super::*;
use crate::guest::{Exchange, Failure};

fn outcome(result: CallResult, exchanges: Vec<Exchange>, sent: u32) -> Outcome {
    Outcome {
        result,
        exchanges,
        sent,
        contained: false,
        replies: Vec::new(),
    }
}

fn exchange(status: Option<u16>, retry_after: Option<u64>) -> Exchange {
    Exchange {
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

/// Every result that may be tried again.
fn passing() -> Vec<CallResult> {
    let failures = [
        Failure::OutOfTime(Duration::from_secs(30)),
        Failure::OutOfCompute(Duration::from_secs(5)),
        Failure::OutOfMemory(1 << 20),
        Failure::Start("no such import".into()),
    ];
    let mut all = vec![
        CallResult::Timeout,
        CallResult::Connection("503".into()),
        trap(),
    ];
    all.extend(failures.map(CallResult::Failed));
    all
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
        decide(&outcome, 1, &policy, 0.5)
    };
    assert_eq!(decide(vec![], 0), Settlement::Filtered);
    assert_eq!(decide(vec![], 1), Settlement::Delivered);
    assert_eq!(
        decide(vec![exchange(Some(204), None)], 0),
        Settlement::Delivered
    );
    // The component judges its exchanges, whatever they were.
    assert_eq!(
        decide(vec![exchange(Some(500), None)], 0),
        Settlement::Delivered
    );
    assert_eq!(decide(vec![exchange(None, None)], 0), Settlement::Delivered);
}

#[test]
fn ok_of_a_component_that_has_all_within_it_is_delivered() {
    let mut contained = outcome(CallResult::Ok, vec![], 0);
    contained.contained = true;
    let settlement = super::decide(&contained, 1, &Policy::default(), 0.0);
    assert_eq!(settlement, Settlement::Delivered);
}

#[test]
fn ok_is_never_tried_again_even_after_the_last_attempt() {
    let ok = outcome(CallResult::Ok, vec![], 1);
    let verdict = decide(&ok, u32::MAX, &Policy::default(), 0.0);
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
    assert_eq!(dead(decide(&gone, 3, &Policy::default(), 0.0)), expected);
}

#[test]
fn the_rest_is_tried_again_until_attempts_run_out() {
    let policy = Policy::default();
    for result in passing() {
        let failed = outcome(result, vec![], 0);
        for attempt in 0..12 {
            let verdict = decide(&failed, attempt, &policy, 0.3);
            assert!(matches!(verdict, Settlement::Retry(_)), "{verdict:?}");
        }
        for attempt in [12, 13, u32::MAX] {
            let letter = dead(decide(&failed, attempt, &policy, 0.3));
            assert_eq!(letter.attempts, attempt);
            let start = format!("gave up after {attempt} attempts: ");
            assert!(letter.reason.starts_with(&start), "{}", letter.reason);
            assert!(letter.reason.len() > start.len());
        }
    }
}

#[test]
fn a_trap_leaves_its_backtrace() {
    let mut policy = Policy::default();
    policy.retry.max_attempts = 1;
    let letter = dead(decide(&outcome(trap(), vec![], 0), 1, &policy, 0.0));
    let expected = "gave up after 1 attempt: the component trapped: unreachable";
    assert_eq!(letter.reason, expected);
    assert_eq!(letter.backtrace.as_deref(), Some("0: f\n1: g"));
}

#[test]
fn the_last_exchange_says_when_to_come_back() {
    let policy = Policy::default();
    let wait = |exchanges, jitter| {
        let busy = outcome(CallResult::Connection("503".into()), exchanges, 0);
        match decide(&busy, 1, &policy, jitter) {
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
    assert_eq!(wait(vec![never], 0.5), policy.retry.max);
}

#[test]
fn a_reason_is_one_line_of_bounded_length() {
    let reason = |text: &str| Reason(&CallResult::Other(text.into())).to_string();
    assert_eq!(reason("no\nway\u{0}!\n"), "no way !");
    assert_eq!(reason("\n"), "the component gave no reason");
    assert_eq!(reason(&"ü".repeat(MAX_REASON)).chars().count(), MAX_REASON);
    let long = reason(&"ü".repeat(MAX_REASON + 1));
    assert_eq!(long.chars().count(), MAX_REASON + 1);
    assert!(long.ends_with('…'));
}
