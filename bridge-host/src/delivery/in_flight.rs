//! An attempt in flight, from its permit to its settlement.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tokio::time::Instant;

use super::admission_gate::AdmissionPass;
use super::concurrency_limit::Permit;
use super::endpoint_signal::EndpointSignal;
use super::engine::DeliveryEngine;
use super::stats::CountedSettlement;
use crate::broker::Incoming;
use crate::guest::Outcome;

/// Holds a permit until the attempt ends, panics or is aborted, and counts its
/// result.
pub(super) struct InFlightGuard {
    engine: Arc<DeliveryEngine>,
    /// Whether the permit is kept for the next message.
    keeps_permit: bool,
    /// Whether the attempt is a probe whose result the gate does not know yet.
    probe: AtomicBool,
    /// Whether the attempt takes part of the retries' share.
    is_retry: bool,
    settled: bool,
}

impl InFlightGuard {
    /// Keeps the permit while the attempt is in flight.
    pub(super) fn new(
        engine: &Arc<DeliveryEngine>,
        permit: Permit<'_>,
        pass: AdmissionPass,
    ) -> Self {
        permit.detach();
        engine.delivery.stats.attempt_started();
        Self {
            engine: engine.clone(),
            keeps_permit: false,
            probe: AtomicBool::new(pass.is_probe()),
            is_retry: false,
            settled: false,
        }
    }

    /// Does the same for this message, which may be a retry.
    pub(super) fn for_message(
        engine: &Arc<DeliveryEngine>,
        incoming: &Incoming,
        permit: Permit<'_>,
        pass: AdmissionPass,
    ) -> Self {
        let mut in_flight = Self::new(engine, permit, pass);
        in_flight.is_retry = engine.retry_share.applies_to(incoming);
        if in_flight.is_retry {
            engine.retry_share.acquire();
        }
        in_flight
    }

    /// Acquires a permit and admission for a message that was already fetched.
    pub(super) async fn begin(engine: &Arc<DeliveryEngine>) -> Self {
        let permit = engine.limit.acquire_for_message().await;
        let pass = engine.gate.admit().await;
        Self::new(engine, permit, pass)
    }

    /// Returns the engine of this attempt.
    pub(super) fn engine(&self) -> &Arc<DeliveryEngine> {
        &self.engine
    }

    /// Records the outcome, and what it showed about the endpoint.
    pub(super) fn record_outcome(&self, outcome: &Outcome, begun: Instant) {
        let signal = EndpointSignal::of(outcome);
        let probe = self.probe.load(Relaxed);
        self.probe.store(false, Relaxed);
        self.engine.gate.record(probe, &signal);
        self.engine.limit.record(&signal, begun);
        if self.is_retry {
            self.engine.retry_share.record(&outcome.result);
        }
    }

    /// Gives up the probe of an attempt that is postponed, so that others may
    /// probe.
    pub(super) fn abandon_probe(&self) {
        if self.probe.swap(false, Relaxed) {
            self.engine.gate.abandon_probe();
        }
    }

    /// Waits for admission again.
    pub(super) async fn wait_for_admission(&self) {
        let pass = self.engine.gate.admit().await;
        self.probe.store(pass.is_probe(), Relaxed);
    }

    /// Counts the settlement: the attempt is done.
    pub(super) fn count_settled(mut self, settled: CountedSettlement) -> Self {
        self.settled = true;
        self.engine.delivery.stats.count_settlement(settled);
        self
    }

    /// Ends the attempt, and takes the next message under the same permit, if one
    /// is ready.
    pub(super) fn take_next(mut self) -> Option<(Incoming, Self)> {
        self.keeps_permit = true;
        let engine = self.engine.clone();
        drop(self);
        Self::next(&engine, engine.limit.resume_permit())
    }

    /// Takes another message under a permit whose message has ended, if one is
    /// ready and nothing delays it. That message begins sooner than a new task
    /// would, which the scheduler queues behind the tasks of other messages.
    fn next(engine: &Arc<DeliveryEngine>, permit: Permit<'_>) -> Option<(Incoming, Self)> {
        if engine.key_queues.is_some() || engine.limit.has_debt() {
            return None;
        }
        let pass = engine.gate.admit_unlimited()?;
        let incoming = engine
            .source
            .try_next(engine.retry_share.is_full(&engine.limit))?;
        let in_flight = Self::for_message(engine, &incoming, permit, pass);
        Some((incoming, in_flight))
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        if *self.probe.get_mut() {
            self.engine.gate.abandon_probe();
        }
        if self.is_retry {
            self.engine.retry_share.release();
        }
        self.engine.delivery.stats.attempt_ended(self.settled);
        if !self.keeps_permit {
            self.engine.limit.release();
        }
    }
}
