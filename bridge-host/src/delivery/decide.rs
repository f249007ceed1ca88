//! From what an attempt showed to what becomes of its message: a pure
//! function, without a clock and without I/O.

use std::fmt::{self, Write};

use super::{Policy, backoff};
use crate::broker::{DeadLetter, Settlement};
use crate::guest::{CallResult, Outcome};

/// The longest reason that is kept, in characters.
const MAX_REASON: usize = 1000;

/// The verdict on an attempt. `jitter` is from 0 to 1.
///
/// | result | verdict |
/// |---|---|
/// | ok | delivered; filtered, when it made no exchange and sent no message, and could have |
/// | timeout, connection, failed | retry; dead letter after the last attempt |
/// | other | dead letter |
pub fn decide(outcome: &Outcome, attempt: u32, policy: &Policy, jitter: f64) -> Settlement {
    let gone = !outcome.contained && outcome.exchanges.is_empty() && outcome.sent == 0;
    match &outcome.result {
        CallResult::Ok if gone => Settlement::Filtered,
        CallResult::Ok => Settlement::Delivered,
        CallResult::Other(_) => give_up(outcome, attempt, Reason(&outcome.result).to_string()),
        CallResult::Timeout | CallResult::Connection(_) | CallResult::Failed(_)
            if attempt < policy.retry.max_attempts =>
        {
            let asked = outcome.exchanges.last().and_then(|last| last.retry_after);
            Settlement::Retry(backoff::wait(&policy.retry, attempt, asked, jitter))
        }
        CallResult::Timeout | CallResult::Connection(_) | CallResult::Failed(_) => {
            let plural = if attempt == 1 { "" } else { "s" };
            let last = Reason(&outcome.result);
            let reason = format!("gave up after {attempt} attempt{plural}: {last}");
            give_up(outcome, attempt, reason)
        }
    }
}

fn give_up(outcome: &Outcome, attempts: u32, reason: String) -> Settlement {
    let backtrace = match &outcome.result {
        CallResult::Failed(failure) => failure.backtrace().map(str::to_owned),
        _ => None,
    };
    Settlement::DeadLetter(DeadLetter {
        reason,
        status: status(outcome),
        attempts,
        backtrace,
        key: None,
    })
}

/// The status of the last exchange, where it had one.
pub(super) fn status(outcome: &Outcome) -> Option<u16> {
    outcome.exchanges.last()?.result.as_ref().ok().copied()
}

/// Why an attempt did not end well, in one line of bounded length.
pub(super) struct Reason<'a>(pub(super) &'a CallResult);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            CallResult::Ok => f.write_str("ok"),
            CallResult::Timeout => f.write_str("timed out"),
            CallResult::Connection(text) => one_line(text, "connection failed", f),
            CallResult::Other(text) => one_line(text, "the component gave no reason", f),
            CallResult::Failed(failure) => one_line(&failure.to_string(), "failed", f),
        }
    }
}

/// Writes the text of a component, which may hold anything of any length, or
/// what stands for an empty one.
fn one_line(text: &str, empty: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let text = text.trim();
    if text.is_empty() {
        return f.write_str(empty);
    }
    let mut chars = text.chars();
    for c in chars.by_ref().take(MAX_REASON) {
        f.write_char(if c.is_control() { ' ' } else { c })?;
    }
    f.write_str(if chars.as_str().is_empty() { "" } else { "…" })
}

#[cfg(test)]
mod tests;
