//! One delivery at work: takes messages in while there is room, starts a task
//! for each, and drains at shutdown.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::engine::Engine;
use super::failing::Failing;
use super::gate::Pass;
use super::in_flight::InFlight;
use super::jitter::Jitter;
use super::lanes::Way;
use super::lease::keep_waiting;
use super::limit::Place;
use super::setup::{Delivery, Summary};
use super::tasks::Tasks;
use super::{attempt, in_order};
use crate::broker::{Incoming, Subscription};

/// How long aborted tasks may take to end. One that computes without a pause
/// is left behind: its message stays leased until it ends.
const ABORT_GRACE: Duration = Duration::from_secs(5);

/// Until it is dropped, the engine asks for messages.
struct Asking<'a>(&'a AtomicBool);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.store(false, Relaxed);
    }
}

impl Delivery {
    /// Delivers until `shutdown` completes. Then it takes in no more, waits
    /// up to `drain` for what is under way and gives back the rest; no message
    /// becomes a dead letter because of it. Dropped before its end, it stops
    /// at once, and gives back all that is under way.
    pub async fn run(
        self,
        subscription: Box<dyn Subscription>,
        shutdown: impl Future<Output = ()>,
        drain: Duration,
    ) -> Summary {
        let engine = Engine::new(self, Jitter::random());
        engine.run(subscription, shutdown, drain).await
    }
}

impl Engine {
    /// Delivers until `shutdown`, then drains.
    pub(super) async fn run(
        self: Arc<Self>,
        subscription: Box<dyn Subscription>,
        shutdown: impl Future<Output = ()>,
        drain: Duration,
    ) -> Summary {
        let mut tasks = Tasks::new(self.limit.places());
        self.source.open(subscription).await;
        tokio::select! {
            biased;
            () = shutdown => {}
            never = self.intake(&mut tasks) => match never {},
            never = self.storms.watch(&self.delivery.name) => match never {},
        }
        self.source.close().await;
        let summary = self.drain(&tasks, drain).await;
        self.storms.end(&self.delivery.name);
        summary
    }

    /// Gate, place, message, task: while the gate is shut or without a place,
    /// no message. Dropped between them, it loses neither.
    async fn intake(self: &Arc<Self>, tasks: &mut Tasks) -> Infallible {
        let mut failing = Failing::default();
        loop {
            self.gate.open().await;
            if let Some(lanes) = &self.lanes {
                self.asking(lanes.room()).await;
            }
            let place = self.limit.place().await;
            if !self.gate.is_open() {
                continue;
            }
            let only_fresh = self.retries.is_full(&self.limit);
            let next = tokio::select! {
                biased;
                next = self.asking(self.source.next(only_fresh)) => next,
                () = self.retries.freed(), if only_fresh => continue,
                // Its place, idle here, has a use elsewhere, or the gate shut.
                () = self.limit.wanted() => continue,
            };
            match next {
                Ok(incoming) => {
                    failing.over();
                    match self.unhindered() {
                        Some(pass) => tasks.add(self.spawn(incoming, place, pass)),
                        None => self.start(incoming, place, tasks).await,
                    }
                }
                Err(error) => {
                    drop(place);
                    failing.wait(&self.delivery, &error).await;
                }
            }
        }
    }

    /// Does what brings a message, if the broker has one.
    async fn asking<T>(&self, ask: impl Future<Output = T>) -> T {
        self.asking.store(true, Relaxed);
        let _until = Asking(&self.asking);
        ask.await
    }

    /// Begins an attempt where there is neither order nor anything to wait for.
    fn unhindered(&self) -> Option<Pass> {
        match self.lanes {
            None => self.gate.try_enter(),
            Some(_) => None,
        }
    }

    /// Starts the task of a message, unless it has to wait for another.
    async fn start(self: &Arc<Self>, incoming: Incoming, place: Place<'_>, tasks: &mut Tasks) {
        let way = match &self.lanes {
            Some(lanes) => lanes.enter(incoming),
            None => Way::Free(incoming),
        };
        tasks.add(match way {
            Way::Behind => return,
            Way::Free(mut incoming) => {
                let pass = self.enter(&mut incoming).await;
                self.spawn(incoming, place, pass)
            }
            Way::First(mut incoming, lane) => {
                let pass = self.enter(&mut incoming).await;
                let in_flight = InFlight::new(self, place, pass);
                let task = in_order::deliver(incoming, in_flight, lane);
                self.delivery.runtime.spawn(task)
            }
        });
    }

    fn spawn(self: &Arc<Self>, incoming: Incoming, place: Place<'_>, pass: Pass) -> JoinHandle<()> {
        let in_flight = InFlight::of(self, &incoming, place, pass);
        self.delivery
            .runtime
            .spawn(attempt::deliver(incoming, in_flight))
    }

    /// Passes the gate, which may have shut while the message came.
    async fn enter(&self, incoming: &mut Incoming) -> Pass {
        if let Some(pass) = self.gate.try_enter() {
            return pass;
        }
        tokio::select! {
            biased;
            pass = self.gate.enter() => pass,
            never = keep_waiting(&mut *incoming.receipt) => match never {},
        }
    }

    /// Waits for what is under way, within the limit; gives back the rest.
    async fn drain(&self, tasks: &Tasks, limit: Duration) -> Summary {
        let begun = Instant::now();
        let before = self.delivery.stats.counters();
        self.draining.send_replace(true);
        if timeout(limit, self.ended()).await.is_err() {
            tasks.abort();
            // Past the grace the count below tells of those left behind.
            let _ = timeout(ABORT_GRACE, self.ended()).await;
        }
        let after = self.delivery.stats.counters();
        let given_back = after.given_back - before.given_back + after.in_flight;
        Summary {
            finished: before.in_flight.saturating_sub(given_back),
            given_back,
            took: begun.elapsed(),
        }
    }

    /// Waits until nothing is in flight, and nothing is held back.
    async fn ended(&self) {
        self.limit.all_free().await;
        if let Some(lanes) = &self.lanes {
            lanes.empty().await;
        }
    }
}
