//! From what an attempt showed to what becomes of its message: a pure
//! function, without a clock and without I/O.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::time::Duration;

use super::{Policy, backoff};
use crate::broker::{DeadLetter, RemainingAttempts, Settlement};
use crate::guest::{CallResult, Failure, Outcome};

/// The longest reason that is kept, in characters.
const MAX_REASON: usize = 1000;

/// The attempts of one delivery, the one that is judged included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts {
    /// How many were made; at least 1.
    pub made: u32,
    /// The time since the first of them began.
    pub over: Duration,
}

/// Whose fault a failed attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It answered that it may work later, or gave no answer.
    Endpoint,
    /// It trapped, or used up its time or memory.
    Component,
}

/// The verdict on an attempt. `jitter` is from 0 to 1.
///
/// | result | verdict |
/// |---|---|
/// | ok | delivered; filtered, when it made no exchange and sent no message, and could have |
/// | timeout, connection | retry; dead letter after `max_age`, or the last of `max_attempts` |
/// | failed | the same, and without `max_attempts` after a few attempts |
/// | other | dead letter |
pub fn decide(outcome: &Outcome, attempts: Attempts, policy: &Policy, jitter: f64) -> Settlement {
    let gone = !outcome.has_hidden_effects && outcome.exchanges.is_empty() && outcome.sent == 0;
    let fault = match &outcome.result {
        CallResult::Ok if gone => return Settlement::Filtered,
        CallResult::Ok => return Settlement::Delivered,
        CallResult::Other(_) => {
            return give_up(outcome, attempts, Reason(outcome).to_string());
        }
        CallResult::Timeout | CallResult::Connection(_) => Fault::Endpoint,
        CallResult::Failed(failure) => fault(outcome, failure),
    };
    let retry = &policy.retry;
    let most = match fault {
        Fault::Endpoint => retry.max_attempts,
        Fault::Component => Some(retry.component_attempts()),
    };
    let left = policy.max_age().saturating_sub(attempts.over);
    if left.is_zero() || most.is_some_and(|most| attempts.made >= most.get()) {
        let last = Reason(outcome);
        return give_up(
            outcome,
            attempts,
            format!("gave up after {attempts}: {last}"),
        );
    }
    let asked = outcome.exchanges.last().and_then(|last| last.retry_after);
    Settlement::Retry(backoff::wait(retry, attempts.made, asked, left, jitter))
}

/// A component that waited for an answer until its time was over is not at
/// fault: the endpoint is.
fn fault(outcome: &Outcome, failure: &Failure) -> Fault {
    let unanswered = outcome
        .exchanges
        .last()
        .is_some_and(|last| last.result.is_err());
    match failure {
        Failure::OutOfTime(_) if unanswered => Fault::Endpoint,
        _ => Fault::Component,
    }
}

impl fmt::Display for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.made == 1 { "" } else { "s" };
        write!(f, "{} attempt{plural}", self.made)?;
        match self.over.as_secs() {
            // Nobody waited for long.
            0 => Ok(()),
            _ if self.made == 1 => Ok(()),
            seconds => write!(f, " in {}", Span(seconds)),
        }
    }
}

/// Seconds in the largest unit of which there are two, rounded down.
struct Span(u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 3] = [(86_400, "days"), (3600, "hours"), (60, "minutes")];
        let fits = |(size, _): &&(u64, &str)| self.0 >= 2 * size;
        match (UNITS.iter().find(fits), self.0) {
            (Some((size, name)), seconds) => write!(f, "{} {name}", seconds / size),
            (None, 1) => f.write_str("1 second"),
            (None, seconds) => write!(f, "{seconds} seconds"),
        }
    }
}

/// The verdict where the broker gives a message only so often.
pub(super) fn within_chances(
    settlement: Settlement,
    remaining_attempts: &RemainingAttempts,
    outcome: &Outcome,
    attempts: Attempts,
) -> Settlement {
    match (settlement, remaining_attempts) {
        (Settlement::Retry(_), RemainingAttempts::Last(why)) => {
            let last = Reason(outcome);
            let reason = format!("gave up after {attempts}: {last} ({why})");
            give_up(outcome, attempts, reason)
        }
        (settlement, _) => settlement,
    }
}

/// The verdict on a message of which no attempt can be made.
pub(super) fn spent(reason: &str, attempt: u32) -> Settlement {
    Settlement::DeadLetter(DeadLetter {
        reason: reason.into(),
        status: None,
        attempts: attempt.saturating_sub(1),
        backtrace: None,
        key: None,
    })
}

fn give_up(outcome: &Outcome, attempts: Attempts, reason: String) -> Settlement {
    let backtrace = match &outcome.result {
        CallResult::Failed(failure) => failure.backtrace().map(str::to_owned),
        _ => None,
    };
    Settlement::DeadLetter(DeadLetter {
        reason,
        status: status(outcome),
        attempts: attempts.made,
        backtrace,
        key: None,
    })
}

/// The status of the last exchange, where it had one.
pub(super) fn status(outcome: &Outcome) -> Option<u16> {
    outcome.exchanges.last()?.result.as_ref().ok().copied()
}

/// Why an attempt did not end well, in one line of bounded length: what the
/// component says, and what the host saw of an exchange without a response.
pub(super) struct Reason<'a>(pub(super) &'a Outcome);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = match &self.0.result {
            CallResult::Ok => return f.write_str("ok"),
            CallResult::Timeout => Cow::Borrowed("timed out"),
            CallResult::Connection(text) => or(text, "connection failed"),
            CallResult::Other(text) => or(text, "the component gave no reason"),
            CallResult::Failed(failure) => failure.to_string().into(),
        };
        one_line(&said, f)?;
        match self.0.cause() {
            Some(cause) if !said.contains(cause) => {
                f.write_str(": ")?;
                one_line(cause, f)
            }
            _ => Ok(()),
        }
    }
}

/// A text, or what stands for an empty one.
fn or<'a>(text: &'a str, empty: &'a str) -> Cow<'a, str> {
    Cow::Borrowed(if text.trim().is_empty() { empty } else { text })
}

/// Writes the text of a component, which may hold anything of any length.
fn one_line(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let text = text.trim();
    let mut chars = text.chars();
    for c in chars.by_ref().take(MAX_REASON) {
        f.write_char(if c.is_control() { ' ' } else { c })?;
    }
    f.write_str(if chars.as_str().is_empty() { "" } else { "…" })
}

#[cfg(test)]
mod tests;
