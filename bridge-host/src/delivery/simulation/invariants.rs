//! The invariants checked whenever a call begins: order within a key, the circuit
//! breaker, a pause, the rate. The checks have their own state, built from the
//! results of calls.

use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::model::Model;
use crate::delivery::{CircuitState, Policy, Stats};
use crate::guest::Outcome;
use crate::message::MessageId;

/// Checks each call.
#[derive(Default)]
pub(super) struct Invariants(Mutex<CheckState>);

#[derive(Default)]
struct CheckState {
    model: Weak<Model>,
    stats: Arc<Stats>,
    policy: Option<Policy>,
    /// When the calls of this engine began.
    began: Vec<Instant>,
    paused_until: Option<Instant>,
    /// When the last call ended. In the same instant, others may be about to
    /// begin.
    ended: Option<Instant>,
    probing: bool,
}

impl Invariants {
    /// Forgets the state, because a new engine begins.
    pub(super) fn start(&self, model: &Arc<Model>, stats: &Arc<Stats>) {
        *self.0.lock() = CheckState {
            model: Arc::downgrade(model),
            stats: stats.clone(),
            policy: Some(model.policy.clone()),
            ..CheckState::default()
        };
    }

    /// Checks a call that begins. Returns whether it is a probe.
    pub(super) fn begins(&self, id: &MessageId) -> bool {
        let mut state = self.0.lock();
        let Some(model) = state.model.upgrade() else {
            return false;
        };
        let wrong = state.check(&model, id);
        let probe = state.breaker() == Some(CircuitState::HalfOpen);
        if let Some(what) = wrong {
            model.lock().wrong.push(format!("{id}: {what}"));
        }
        state.began.push(Instant::now());
        state.probing |= probe;
        probe
    }

    /// Records the end of a call. The call has no outcome if it was dropped.
    pub(super) fn ended(&self, probe: bool, outcome: Option<&Outcome>) {
        let mut state = self.0.lock();
        state.probing &= !probe;
        state.ended = Some(Instant::now());
        let last = outcome.and_then(|outcome| outcome.exchanges.last());
        let Some((last, policy)) = last.zip(state.policy.as_ref()) else {
            return;
        };
        let busy = matches!(last.result, Ok(429 | 503));
        let asked = last.retry_after.filter(|_| busy && policy.pause);
        let until = asked.map(|asked| Instant::now() + asked.min(policy.retry.max_delay));
        state.paused_until = state.paused_until.max(until);
    }
}

impl CheckState {
    fn breaker(&self) -> Option<CircuitState> {
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
        } else if self.breaker() == Some(CircuitState::Open) {
            Some("begun through an open breaker")
        } else if self.breaker() == Some(CircuitState::HalfOpen) && self.probing {
            Some("a second probe")
        } else {
            too_fast.then_some("faster than the rate")
        }
    }
}
