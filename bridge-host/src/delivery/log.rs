//! What a delivery leaves in the log: its whole story is found by its id.
//! Never data, metadata, or the value of a header.

use std::time::Duration;

use crate::broker::{BrokerError, Settlement};
use crate::guest::Outcome;
use crate::message::MessageId;

use super::decide::{Reason, status};

/// The first attempt whose retry is a warning.
const WORRYING: u32 = 3;

/// What every line about a delivery begins with.
pub(super) struct Story<'a> {
    pub(super) subscription: &'a str,
    pub(super) id: MessageId,
    pub(super) topic: String,
    pub(super) attempt: u32,
}

/// One line about this delivery, at this level.
macro_rules! tell {
    ($level:ident, $story:expr, $($rest:tt)+) => {
        tracing::$level!(
            target: "delivery",
            subscription = $story.subscription,
            id = $story.id.as_str(),
            topic = $story.topic,
            attempt = $story.attempt,
            $($rest)+
        )
    };
}

impl Story<'_> {
    /// What an attempt showed, and what becomes of its message.
    pub(super) fn verdict(&self, outcome: &Outcome, took: Duration, settlement: &Settlement) {
        let status = status(outcome);
        match settlement {
            Settlement::Delivered => tell!(debug, self, status, ?took, verdict = "delivered"),
            Settlement::Filtered => tell!(debug, self, status, ?took, verdict = "filtered"),
            Settlement::Retry(wait) => {
                let reason = Reason(&outcome.result);
                match self.attempt {
                    ..WORRYING => {
                        tell!(info, self, status, ?took, verdict = "retry", ?wait, %reason)
                    }
                    WORRYING.. => {
                        tell!(warn, self, status, ?took, verdict = "retry", ?wait, %reason)
                    }
                }
            }
            Settlement::DeadLetter(letter) => {
                let reason = &letter.reason;
                tell!(warn, self, status, ?took, verdict = "dead letter", reason);
            }
        }
    }

    /// The broker failed to settle it, and is asked again after a pause.
    pub(super) fn settles_again(&self, error: &BrokerError, pause: Duration) {
        tell!(error, self, %error, again_in = ?pause, "the broker did not settle it");
    }

    /// The broker failed to settle it for good.
    pub(super) fn not_settled(&self, error: &BrokerError) {
        tell!(error, self, %error, "the broker did not settle it: it will be delivered again");
    }

    /// The broker failed to extend the lease.
    pub(super) fn not_extended(&self, error: &BrokerError) {
        tell!(warn, self, %error, "the broker did not extend the lease: it may be delivered twice");
    }
}

/// The subscription had no next message to give.
pub(super) fn no_next(subscription: &str, error: &BrokerError, pause: Duration) {
    tracing::error!(
        target: "delivery",
        subscription,
        %error,
        again_in = ?pause,
        "the broker gave no message"
    );
}

/// The intake stopped and what was under way came to its end, or was given back.
pub(super) fn drained(subscription: &str, summary: &super::Summary) {
    tracing::info!(
        target: "delivery",
        subscription,
        finished = summary.finished,
        given_back = summary.given_back,
        took = ?summary.took,
        "drained"
    );
}
