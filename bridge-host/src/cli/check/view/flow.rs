//! The order and the limits of a subscription, as plain data.

use serde::Serialize;

use crate::config::{show_duration, show_rate};
use crate::delivery::{OrderKey, Policy};

/// In what order and how fast.
#[derive(Serialize)]
pub(in crate::cli::check) struct Flow {
    /// What messages share that are delivered one after the other.
    pub(in crate::cli::check) order_key: Option<String>,
    /// Whether a dead letter holds back those behind it.
    pub(in crate::cli::check) blocks: bool,
    pub(in crate::cli::check) rate: Option<Rate>,
    pub(in crate::cli::check) breaker: Option<Breaker>,
    pub(in crate::cli::check) pause_on_retry_after: bool,
}

/// So many, and so many at once.
#[derive(Serialize)]
pub(in crate::cli::check) struct Rate {
    pub(in crate::cli::check) rate: String,
    pub(in crate::cli::check) burst: u32,
}

/// When it opens, and for how long.
#[derive(Serialize)]
pub(in crate::cli::check) struct Breaker {
    pub(in crate::cli::check) after: u32,
    pub(in crate::cli::check) open_for: String,
}

impl Flow {
    pub(super) fn of(policy: &Policy) -> Self {
        Self {
            order_key: policy.order.as_ref().map(|order| match &order.by {
                OrderKey::Topic => "topic".into(),
                OrderKey::Metadata(name) => format!("metadata {name}"),
                OrderKey::Pointer(pointer) => format!("pointer {pointer}"),
            }),
            blocks: policy.blocks(),
            rate: policy.rate.map(|rate| Rate {
                rate: show_rate(rate.count, rate.per),
                burst: rate.burst,
            }),
            breaker: policy.breaker.map(|breaker| Breaker {
                after: breaker.after,
                open_for: show_duration(breaker.open_for),
            }),
            pause_on_retry_after: policy.pause,
        }
    }
}
