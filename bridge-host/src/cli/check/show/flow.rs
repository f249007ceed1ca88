//! The lines on order and limits.

use super::Lines;
use crate::cli::check::view::Policy;

pub(super) fn show(lines: &mut Lines, policy: &Policy) {
    let flow = &policy.flow;
    let most = policy.max_in_flight;
    let mut in_flight = match policy.min_in_flight {
        Some(least) => format!("{least} to {most}, as the endpoint bears"),
        None if most == 1 && flow.order_key.is_none() => "1 at most, in order".into(),
        None => format!("{most} at most"),
    };
    if policy.threads > 1 {
        let threads = policy.threads;
        in_flight += &format!(", shared by {threads} threads, or one a core where there are fewer");
    }
    lines.line("in flight", &in_flight);
    if let Some(key) = &flow.order_key {
        let after = match flow.blocks {
            true => "a dead letter blocks its key until it is replayed or dropped",
            false => "after a dead letter its key goes on",
        };
        lines.line("in order", &format!("by {key}; {after}"));
    }
    if let Some(rate) = &flow.rate {
        let burst = rate.burst;
        lines.line("rate", &format!("{} at most, {burst} at once", rate.rate));
    }
    if let Some(breaker) = &flow.breaker {
        let (after, open_for) = (breaker.after, &breaker.open_for);
        let plural = if after == 1 { "" } else { "s" };
        let text = format!("opens for {open_for} after {after} failure{plural} in a row");
        lines.line("breaker", &text);
    }
    if !flow.pause_on_retry_after {
        lines.line("Retry-After", "holds back its own message only");
    }
}
