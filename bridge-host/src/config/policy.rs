//! How to deliver: `max_in_flight`, `timeout`, `retry`, `threads`. Order and
//! the limits of the endpoint are read by `flow`.

use std::num::NonZeroU32;

use super::flow;
use super::section::Section;
use super::value::Value;
use crate::delivery::{Policy, Retry};

/// Reads the delivery policy of a subscription.
pub(super) fn read(section: &mut Section<'_>) -> Policy {
    let mut policy = Policy::default();
    if let Some(value) = section.take("max_in_flight") {
        flow::in_flight(&value, &mut policy);
    }
    if let Some(timeout) = section.take("timeout").and_then(|it| it.duration()) {
        policy.timeout = timeout;
    }
    if let Some(value) = section.take("retry") {
        retry(&value, &mut policy.retry);
    }
    let order = section.take("order_key").map(|it| flow::order(&it));
    let after = section.take("on_dead_letter");
    policy.order = flow::after_dead_letter(order, after.as_ref());
    policy.rate = section.take("rate_limit").and_then(|it| flow::rate(&it));
    policy.breaker = section.take("breaker").and_then(|it| flow::breaker(&it));
    let pause = section.take("pause_on_retry_after");
    if let Some(pause) = pause.and_then(|it| it.flag()) {
        policy.pause = pause;
    }
    policy
}

/// Reads `threads`, which share what may be in flight.
pub(super) fn threads(value: &Value<'_>, policy: &Policy) -> Option<usize> {
    let threads = value.count()? as usize;
    if threads > 1 && policy.order.is_some() {
        value.fault(
            "with an `order_key` all messages are on one thread, where their order is kept",
            "leave `threads` out, or the `order_key`",
        );
        return None;
    }
    let most = policy.max_in_flight;
    if threads > most {
        value.fault(
            format!("{threads} threads cannot share the {most} in flight"),
            "`threads` is at most `max_in_flight`",
        );
        return None;
    }
    Some(threads)
}

fn retry(value: &Value<'_>, retry: &mut Retry) {
    let Some(mut section) = value.section("`retry`") else {
        return;
    };
    if let Some(age) = section.take("max_age").and_then(|it| it.duration()) {
        retry.max_age = Some(age);
    }
    if let Some(count) = section.take("max_attempts").and_then(|it| it.count()) {
        retry.max_attempts = NonZeroU32::new(count);
    }
    if let Some(count) = section.take("max_crashes").and_then(|it| it.count()) {
        retry.max_crashes = count;
    }
    let initial = section.take("initial");
    let max = section.take("max");
    let read = |value: &Option<Value<'_>>| value.as_ref().map(|it| it.duration());
    let (initial_read, max_read) = (read(&initial), read(&max));
    section.finish();
    if initial_read == Some(None) || max_read == Some(None) {
        return;
    }
    retry.initial = initial_read.flatten().unwrap_or(retry.initial);
    retry.max = max_read.flatten().unwrap_or(retry.max);
    if let Some(value) = initial.or(max).filter(|_| retry.initial > retry.max) {
        let show = super::show_duration;
        value.fault(
            format!(
                "the first wait, {}, is longer than the longest, {}",
                show(retry.initial),
                show(retry.max)
            ),
            "`initial` is at most `max`",
        );
    }
}
