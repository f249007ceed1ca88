//! Shows the retry schedule: when a delivery becomes a dead letter, and the waits between
//! attempts. The schedule comes from `view`.

use crate::cli::check::lines::Lines;
use crate::cli::check::view::Retry;

pub(super) fn show(lines: &mut Lines, retry: &Retry, verbose: bool) {
    lines.line("retries", &summary(retry));
    if verbose && retry.max_attempts != Some(1) {
        table(lines, retry);
    }
}

/// Returns the schedule in one line.
fn summary(retry: &Retry) -> String {
    if retry.max_attempts == Some(1) {
        return "none: the first failure makes a message a dead letter".into();
    }
    let longest = |wait: Option<&crate::cli::check::view::Wait>| {
        wait.map_or("0s", |wait| &wait.longest).to_owned()
    };
    let (first, last) = (longest(retry.waits.first()), longest(retry.waits.last()));
    let waits = match first == last {
        true => format!("after up to {first}"),
        false => format!("after up to {first}, doubling up to {last}"),
    };
    let age = &retry.max_age;
    let why = match retry.holds_back {
        true => ", because a waiting message holds back others",
        false => "",
    };
    let end = match retry.max_attempts {
        Some(most) => format!("{most} attempts or {age}{why}"),
        None => {
            let few = retry.component_attempts;
            format!("{age}{why}, or {few} attempts if the component fails")
        }
    };
    format!("{waits}; a dead letter after {end}")
}

fn table(lines: &mut Lines, retry: &Retry) {
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
        "  Each wait is random, between zero and the longest wait.\n  A Retry-After makes it longer, up to `retry.max_delay`.\n",
    );
}
