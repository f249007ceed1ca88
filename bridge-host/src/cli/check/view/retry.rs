//! When attempts are made again, and until when, as plain data.

use std::time::Duration;

use serde::Serialize;

use crate::config::show_duration;
use crate::delivery::{self, Policy};

/// Until when a delivery is tried, and how long it waits between.
#[derive(Serialize)]
pub(in crate::cli::check) struct Retry {
    /// After the first attempt; then it is given up.
    pub(in crate::cli::check) max_age: String,
    /// A message that waits for its retry holds back others: hence the age.
    pub(in crate::cli::check) holds_back: bool,
    /// `None`: as many as there is time for.
    pub(in crate::cli::check) max_attempts: Option<u32>,
    /// Where it is the component that fails.
    pub(in crate::cli::check) component_attempts: u32,
    /// The longest waits; when the last was reached, it stays so.
    pub(in crate::cli::check) waits: Vec<Wait>,
    /// The longest time from the first attempt to the last, attempts apart.
    pub(in crate::cli::check) longest: String,
}

/// The wait before these attempts.
#[derive(Serialize)]
pub(in crate::cli::check) struct Wait {
    pub(in crate::cli::check) first_attempt: u32,
    /// `None`: all that follow.
    pub(in crate::cli::check) last_attempt: Option<u32>,
    pub(in crate::cli::check) longest: String,
    /// All waits up to the last of these attempts.
    pub(in crate::cli::check) in_all: String,
}

impl Retry {
    pub(super) fn of(policy: &Policy) -> Self {
        let waits = waits(policy);
        let longest = waits.last().map_or("0s", |wait| &wait.in_all).to_string();
        let retry = &policy.retry;
        Self {
            max_age: show_duration(policy.max_age()),
            holds_back: policy.holds_back(),
            max_attempts: retry.max_attempts.map(Into::into),
            component_attempts: retry.component_attempts().into(),
            waits,
            longest,
        }
    }
}

/// The schedule until the age is reached, in which attempts with the same wait
/// are told as one once the longest wait is reached.
fn waits(policy: &Policy) -> Vec<Wait> {
    let (retry, max_age) = (&policy.retry, policy.max_age());
    let mut waits = Vec::new();
    let mut in_all = Duration::ZERO;
    for (attempt, longest) in (2..).zip(delivery::schedule(retry)) {
        let is_last = longest >= retry.max_delay || in_all.saturating_add(longest) >= max_age;
        let most = retry.max_attempts.map(u32::from);
        let last_attempt = if is_last { most } else { Some(attempt) };
        let count = last_attempt.map_or(u32::MAX, |last| last - attempt + 1);
        in_all = in_all
            .saturating_add(longest.saturating_mul(count))
            .min(max_age);
        waits.push(Wait {
            first_attempt: attempt,
            last_attempt,
            longest: show_duration(longest),
            in_all: show_duration(in_all),
        });
        if is_last {
            break;
        }
    }
    waits
}
