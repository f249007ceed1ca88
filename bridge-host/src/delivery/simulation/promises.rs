//! What must hold whenever a call begins: order within a key, the breaker, a
//! pause, the rate. It keeps its own books, from what calls showed.

use parking_lot::Mutex;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::model::Model;
use crate::delivery::{BreakerState, Policy, Stats};
use crate::guest::Outcome;
use crate::message::MessageId;

/// Looks on.
#[derive(Default)]
pub(super) struct Promises(Mutex<Books>);

#[derive(Default)]
struct Books {
    model: Weak<Model>,
    stats: Arc<Stats>,
    policy: Option<Policy>,
    /// Of this engine's life.
    began: Vec<Instant>,
    paused_until: Option<Instant>,
    /// In the instant in which a call ends, others may be about to begin.
    ended: Option<Instant>,
    probing: bool,
}

impl Promises {
    /// A new engine begins, with a memory of nothing.
    pub(super) fn start(&self, model: &Arc<Model>, stats: &Arc<Stats>) {
        *self.0.lock() = Books {
            model: Arc::downgrade(model),
            stats: stats.clone(),
            policy: Some(model.policy.clone()),
            ..Books::default()
        };
    }

    /// A call begins. Whether it is a probe.
    pub(super) fn begins(&self, id: &MessageId) -> bool {
        let mut books = self.0.lock();
        let Some(model) = books.model.upgrade() else {
            return false;
        };
        let wrong = books.check(&model, id);
        let probe = books.breaker() == Some(BreakerState::HalfOpen);
        if let Some(what) = wrong {
            model.lock().wrong.push(format!("{id}: {what}"));
        }
        books.began.push(Instant::now());
        books.probing |= probe;
        probe
    }

    /// It ended, perhaps with an outcome.
    pub(super) fn ended(&self, probe: bool, outcome: Option<&Outcome>) {
        let mut books = self.0.lock();
        books.probing &= !probe;
        books.ended = Some(Instant::now());
        let last = outcome.and_then(|outcome| outcome.exchanges.last());
        let Some((last, policy)) = last.zip(books.policy.as_ref()) else {
            return;
        };
        let busy = matches!(last.result, Ok(429 | 503));
        let asked = last.retry_after.filter(|_| busy && policy.pause);
        let until = asked.map(|asked| Instant::now() + asked.min(policy.retry.max_delay));
        books.paused_until = books.paused_until.max(until);
    }
}

impl Books {
    fn breaker(&self) -> Option<BreakerState> {
        self.stats.flow().and_then(|flow| flow.breaker)
    }

    fn check(&self, model: &Model, id: &MessageId) -> Option<&'static str> {
        let now = Instant::now();
        let rate = self.policy.as_ref().and_then(|policy| policy.rate);
        let too_fast = rate.is_some_and(|rate| {
            let before = self.began.len().checked_sub(rate.burst as usize);
            let interval = rate.per / rate.count;
            before.is_some_and(|n| now - self.began[n] < interval - Duration::from_nanos(1))
        });
        if !model.may_begin(id) {
            Some("out of order within its key")
        } else if self.ended == Some(now) {
            None
        } else if self.paused_until.is_some_and(|until| now < until) {
            Some("begun in a pause")
        } else if self.breaker() == Some(BreakerState::Open) {
            Some("begun through an open breaker")
        } else if self.breaker() == Some(BreakerState::HalfOpen) && self.probing {
            Some("a second probe")
        } else {
            too_fast.then_some("faster than the rate")
        }
    }
}
