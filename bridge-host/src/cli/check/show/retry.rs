//! The lines on retries: until when, and how long between.

use super::Lines;
use crate::cli::check::view::Retry;

pub(super) fn show(lines: &mut Lines, retry: &Retry) {
    if retry.max_attempts == Some(1) {
        lines.line("attempts", "1: a delivery that fails once is a dead letter");
        return;
    }
    let age = &retry.max_age;
    let until = match retry.holds_back {
        true => format!("until {age} after the first, because a waiting message holds back others"),
        false => format!("until {age} after the first"),
    };
    let attempts = match retry.max_attempts {
        Some(most) => format!("{most} at most, {until}"),
        None => {
            let few = retry.component_attempts;
            format!("{until}; {few} at most where the component fails")
        }
    };
    lines.line("attempts", &format!("{attempts}; then a dead letter"));
    lines.raw("\n  attempt       longest wait before it    all waits so far\n");
    for wait in &retry.waits {
        let attempt = match wait.last_attempt {
            Some(last) if last == wait.first_attempt => last.to_string(),
            Some(last) => format!("{}-{last}", wait.first_attempt),
            None => format!("{} and on", wait.first_attempt),
        };
        let row = format!("  {attempt:<13} {:<25} {}\n", wait.longest, wait.in_all);
        lines.raw(&row);
    }
    lines.raw(
        "  Each wait is chosen at random between zero and the longest wait: half of it, on average.\n  A Retry-After makes it longer, up to `retry.max`.\n",
    );
}
