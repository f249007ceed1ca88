//! Decides from the outcome of an attempt what happens to its message: a pure
//! function, without a clock and without I/O.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::time::Duration;

use super::{Policy, backoff};
use crate::broker::{DeadLetter, RemainingAttempts, Settlement};
use crate::guest::{CallResult, Failure, Outcome};

/// The longest reason that is kept, in characters.
const MAX_REASON: usize = 1000;

/// The attempts of one delivery, including the one being judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts {
    /// How many attempts were made; at least 1.
    pub made: u32,
    /// The time since the first attempt began.
    pub over: Duration,
}

/// What caused an attempt to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FailureSource {
    /// The endpoint asked for a retry, or did not answer.
    Endpoint,
    /// The component trapped, or used up its time or memory.
    Component,
}

/// Decides what becomes of the message after an attempt. `jitter` is from 0 to 1.
///
/// | result | verdict |
/// |---|---|
/// | ok | delivered; filtered, if the component made no exchange and sent no message, and could have |
/// | timeout, connection | retry; dead letter after `max_age`, or the last of `max_attempts` |
/// | failed | the same, and without `max_attempts` after 12 attempts |
/// | other | dead letter |
pub fn decide(outcome: &Outcome, attempts: Attempts, policy: &Policy, jitter: f64) -> Settlement {
    let did_nothing =
        !outcome.has_hidden_effects && outcome.exchanges.is_empty() && outcome.sent == 0;
    let source = match &outcome.result {
        CallResult::Ok if did_nothing => return Settlement::Filtered,
        CallResult::Ok => return Settlement::Delivered,
        CallResult::Other(_) => {
            return dead_letter(outcome, attempts, Reason(outcome).to_string());
        }
        CallResult::Timeout | CallResult::Connection(_) => FailureSource::Endpoint,
        CallResult::Failed(failure) => failure_source(outcome, failure),
    };
    let retry = &policy.retry;
    let most = match source {
        FailureSource::Endpoint => retry.max_attempts,
        FailureSource::Component => Some(retry.component_attempts()),
    };
    let left = policy.max_age().saturating_sub(attempts.over);
    if left.is_zero() || most.is_some_and(|most| attempts.made >= most.get()) {
        let last = Reason(outcome);
        return dead_letter(
            outcome,
            attempts,
            format!("gave up after {attempts}: {last}"),
        );
    }
    let retry_after = outcome.exchanges.last().and_then(|last| last.retry_after);
    Settlement::Retry(backoff::wait(
        retry,
        attempts.made,
        retry_after,
        left,
        jitter,
    ))
}

/// Finds the cause of a failure. If a component waited for a response until its
/// time was over, the endpoint caused the failure.
fn failure_source(outcome: &Outcome, failure: &Failure) -> FailureSource {
    let unanswered = outcome
        .exchanges
        .last()
        .is_some_and(|last| last.result.is_err());
    match failure {
        Failure::OutOfTime(_) if unanswered => FailureSource::Endpoint,
        _ => FailureSource::Component,
    }
}

impl fmt::Display for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.made == 1 { "" } else { "s" };
        write!(f, "{} attempt{plural}", self.made)?;
        match self.over.as_secs() {
            // The time is too short to matter.
            0 => Ok(()),
            _ if self.made == 1 => Ok(()),
            seconds => write!(f, " in {}", RoundedTime(seconds)),
        }
    }
}

/// Seconds, displayed in the largest unit of which there are at least two,
/// rounded down.
struct RoundedTime(u64);

impl fmt::Display for RoundedTime {
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

/// Turns a retry into a dead letter if the broker will not deliver the message
/// again.
pub(super) fn apply_redelivery_limit(
    settlement: Settlement,
    remaining_attempts: &RemainingAttempts,
    outcome: &Outcome,
    attempts: Attempts,
) -> Settlement {
    match (settlement, remaining_attempts) {
        (Settlement::Retry(_), RemainingAttempts::Last(why)) => {
            let last = Reason(outcome);
            let reason = format!("gave up after {attempts}: {last} ({why})");
            dead_letter(outcome, attempts, reason)
        }
        (settlement, _) => settlement,
    }
}

/// Returns the verdict on a message for which no attempt can be made.
pub(super) fn no_attempts_left(reason: &str, attempt: u32) -> Settlement {
    Settlement::DeadLetter(DeadLetter {
        reason: reason.into(),
        status: None,
        attempts: attempt.saturating_sub(1),
        backtrace: None,
        key: None,
    })
}

/// Returns the dead letter for an attempt.
fn dead_letter(outcome: &Outcome, attempts: Attempts, reason: String) -> Settlement {
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

/// Returns the status of the last exchange, if it had a response.
pub(super) fn status(outcome: &Outcome) -> Option<u16> {
    outcome.exchanges.last()?.result.as_ref().ok().copied()
}

/// Why an attempt did not succeed, in one line of bounded length: what the
/// component says, and what the host saw of an exchange without a response.
pub(super) struct Reason<'a>(pub(super) &'a Outcome);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = match &self.0.result {
            CallResult::Ok => return f.write_str("ok"),
            CallResult::Timeout => Cow::Borrowed("timed out"),
            CallResult::Connection(text) => or_default(text, "connection failed"),
            CallResult::Other(text) => or_default(text, "the component gave no reason"),
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

/// Returns the text, or `empty` if the text is blank.
fn or_default<'a>(text: &'a str, empty: &'a str) -> Cow<'a, str> {
    Cow::Borrowed(if text.trim().is_empty() { empty } else { text })
}

/// Writes a component's text, which may contain any characters and have any
/// length.
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
