//! The retry schedule of a subscription as plain data. Computing waits is in `delivery`.
//! Showing them is in `show`.

use std::time::Duration;

use serde::Serialize;

use crate::config::show_duration;
use crate::delivery::{self, Policy};

/// The retry schedule of a subscription.
#[derive(Serialize)]
pub(in crate::cli::check) struct Retry {
    /// The time after the first attempt after which a failing delivery becomes a dead
    /// letter.
    pub(in crate::cli::check) max_age: String,
    /// Whether a message that waits for its retry holds back others, which shortens the
    /// default age.
    pub(in crate::cli::check) holds_back: bool,
    /// The most attempts; `None` for no limit.
    pub(in crate::cli::check) max_attempts: Option<u32>,
    /// The most attempts if the component fails.
    pub(in crate::cli::check) component_attempts: u32,
    /// The longest waits. The last wait applies to all further attempts.
    pub(in crate::cli::check) waits: Vec<Wait>,
    /// The longest total of all waits.
    pub(in crate::cli::check) longest: String,
}

/// The longest wait before some attempts.
#[derive(Serialize)]
pub(in crate::cli::check) struct Wait {
    pub(in crate::cli::check) first_attempt: u32,
    /// The last of these attempts; `None` for all further attempts.
    pub(in crate::cli::check) last_attempt: Option<u32>,
    pub(in crate::cli::check) longest: String,
    /// The longest total of all waits up to the last of these attempts.
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

/// Returns the schedule until the age is reached. Attempts with the longest wait are one
/// entry.
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
