//! An attempt under way, from the place it takes to what became of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tokio::time::Instant;

use super::engine::Engine;
use super::gate::Pass;
use super::limit::Place;
use super::sign::Sign;
use super::stats::Settled;
use crate::broker::Incoming;
use crate::guest::Outcome;

/// Holds its place until it is dropped, by its end, by a panic or by being
/// aborted, and counts what became of it.
pub(super) struct InFlight {
    engine: Arc<Engine>,
    /// The place is kept for another message.
    goes_on: bool,
    /// A probe of which the gate was not told yet.
    probe: AtomicBool,
    /// It holds a permit of the retries' share.
    retry: bool,
    settled: bool,
}

impl InFlight {
    /// Keeps the place for as long as the attempt is under way.
    pub(super) fn new(engine: &Arc<Engine>, place: Place<'_>, pass: Pass) -> Self {
        place.keep();
        engine.delivery.stats.begun();
        Self {
            engine: engine.clone(),
            goes_on: false,
            probe: AtomicBool::new(pass.is_probe()),
            retry: false,
            settled: false,
        }
    }

    /// The same for this message, which may be a retry.
    pub(super) fn of(
        engine: &Arc<Engine>,
        incoming: &Incoming,
        place: Place<'_>,
        pass: Pass,
    ) -> Self {
        let mut in_flight = Self::new(engine, place, pass);
        in_flight.retry = engine.retries.takes(incoming);
        if in_flight.retry {
            engine.retries.begin();
        }
        in_flight
    }

    /// Takes a place and passes the gate with a message at hand.
    pub(super) async fn begin(engine: &Arc<Engine>) -> Self {
        let place = engine.limit.place_for_message().await;
        let pass = engine.gate.enter().await;
        Self::new(engine, place, pass)
    }

    /// What it is in flight in.
    pub(super) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// What the attempt showed, of the endpoint too.
    pub(super) fn told(&self, outcome: &Outcome, begun: Instant) {
        let sign = Sign::of(outcome);
        let probe = self.probe.load(Relaxed);
        self.probe.store(false, Relaxed);
        self.engine.gate.told(probe, &sign);
        self.engine.limit.told(&sign, begun);
        if self.retry {
            self.engine.retries.told(&outcome.result);
        }
    }

    /// The attempt was none, and is made again: others may go first.
    pub(super) fn stand_back(&self) {
        if self.probe.swap(false, Relaxed) {
            self.engine.gate.given_up();
        }
    }

    /// Passes the gate once more.
    pub(super) async fn pass_again(&self) {
        let pass = self.engine.gate.enter().await;
        self.probe.store(pass.is_probe(), Relaxed);
    }

    /// Of this attempt nothing remains to be done.
    pub(super) fn settled(mut self, settled: Settled) -> Self {
        self.settled = true;
        self.engine.delivery.stats.settled(settled);
        self
    }

    /// Ends it, and takes another message in its place, if one is here.
    pub(super) fn go_on(mut self) -> Option<(Incoming, Self)> {
        self.goes_on = true;
        let engine = self.engine.clone();
        drop(self);
        Self::next(&engine, engine.limit.kept())
    }

    /// Another message for a place whose own has ended, where one is here and
    /// nothing holds it back. It begins sooner than it would in the line of tasks,
    /// behind those of all that ended meanwhile.
    fn next(engine: &Arc<Engine>, place: Place<'_>) -> Option<(Incoming, Self)> {
        if engine.lanes.is_some() || engine.limit.owes() {
            return None;
        }
        let pass = engine.gate.free()?;
        let incoming = engine.source.take(engine.retries.is_full(&engine.limit))?;
        let in_flight = Self::of(engine, &incoming, place, pass);
        Some((incoming, in_flight))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if *self.probe.get_mut() {
            self.engine.gate.given_up();
        }
        if self.retry {
            self.engine.retries.end();
        }
        self.engine.delivery.stats.ended(self.settled);
        if !self.goes_on {
            self.engine.limit.give_back();
        }
    }
}
