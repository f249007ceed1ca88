//! The receipts of the model.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, sleep};

use super::model::{Inner, Model, State};
use super::script::Rule;
use crate::broker::embedded::CAPABILITIES;
use crate::broker::{
    BrokerError, Capabilities, KeyTurn, Receipt, Settlement, TurnCheck, Unsettled,
};

/// The right to settle one message, while its token is current.
pub(super) struct Lease {
    model: Arc<Model>,
    index: usize,
    token: u64,
    attempt: u32,
}

/// The random result of a settlement.
enum Fate {
    Settled,
    Fails,
    AnswerLost,
}

impl Lease {
    pub(super) fn new(model: Arc<Model>, index: usize, token: u64, attempt: u32) -> Self {
        Self {
            model,
            index,
            token,
            attempt,
        }
    }

    fn is_current(&self, state: &State) -> bool {
        matches!(state, State::Leased { token, .. } if *token == self.token)
    }

    fn fate(&self) -> Fate {
        let inner = &mut *self.model.lock();
        if inner.faults.first_settles > 0 {
            inner.faults.first_settles -= 1;
            return Fate::Fails;
        }
        match inner.random.below(100) {
            n if n < inner.faults.settle => Fate::Fails,
            n if n < inner.faults.settle + inner.faults.answer => Fate::AnswerLost,
            _ => Fate::Settled,
        }
    }

    /// Applies the settlement, unless the lease has expired.
    fn apply(&self, settlement: Settlement) {
        let policy = &self.model.policy;
        let mut inner = self.model.lock();
        let overlaps = inner.faults.extend > 0;
        let Inner { entries, wrong, .. } = &mut *inner;
        let entry = &mut entries[self.index];
        let in_place = policy.order.is_some() && entry.key.is_some();
        if in_place && matches!(settlement, Settlement::Retry(_)) {
            wrong.push(format!("{} lost its turn", entry.id));
        }
        let attempt = match &settlement {
            Settlement::DeadLetter(letter) if in_place => letter.attempts.max(self.attempt),
            _ => self.attempt,
        };
        let rule = Rule {
            attempt,
            policy,
            overlaps,
            in_place,
        };
        if !self.is_current(&entry.state) {
            return;
        }
        wrong.extend(self.model.script.check(&entry.id, &settlement, &rule));
        entry.state = match settlement {
            Settlement::Delivered => State::Delivered,
            Settlement::Filtered => State::Filtered,
            Settlement::DeadLetter(letter) => State::Dead(letter),
            Settlement::Moved => State::Delivered,
            Settlement::Retry(wait) => {
                entry.attempt += 1;
                entry.first.get_or_insert_with(Instant::now);
                let until = Instant::now() + wait;
                State::ParkedMessage { until }
            }
        };
        self.model.notify();
    }
}

#[async_trait]
impl Receipt for Lease {
    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    async fn extend(&mut self, lease: Duration) -> Result<(), BrokerError> {
        let inner = &mut *self.model.lock();
        if inner.random.chance(inner.faults.extend) {
            return Err(BrokerError::Timeout);
        }
        let state = &mut inner.entries[self.index].state;
        if self.is_current(state) {
            let until = Instant::now() + lease;
            *state = State::Leased {
                token: self.token,
                until,
            };
        }
        Ok(())
    }

    fn turn_check(&mut self) -> Option<&mut dyn TurnCheck> {
        Some(self)
    }

    async fn settle(self: Box<Self>, settlement: Settlement) -> Result<(), Unsettled> {
        let pause = self.model.lock().random.millis(0, 5);
        sleep(pause).await;
        let error = match self.fate() {
            Fate::Settled => {
                self.apply(settlement);
                return Ok(());
            }
            Fate::AnswerLost => {
                self.apply(settlement);
                BrokerError::Timeout
            }
            Fate::Fails => BrokerError::full(std::fmt::Error),
        };
        let keeps = self.model.lock().faults.keeps;
        let receipt = keeps.then_some(self as Box<dyn Receipt>);
        Err(Unsettled { error, receipt })
    }
}

#[async_trait]
impl TurnCheck for Lease {
    async fn turn(&mut self, _key: &str) -> Result<KeyTurn, BrokerError> {
        let holds = {
            let inner = &mut *self.model.lock();
            if inner.random.chance(inner.faults.settle) {
                return Err(BrokerError::full(std::fmt::Error));
            }
            self.is_current(&inner.entries[self.index].state)
        };
        Ok(self.model.turn(self.index, holds))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut inner = self.model.lock();
        inner.held -= 1;
        let state = &mut inner.entries[self.index].state;
        if self.is_current(state) {
            *state = State::Ready;
            self.model.notify();
        }
    }
}
