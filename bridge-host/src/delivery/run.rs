//! Runs a delivery: fetches messages while there are permits, starts a task for
//! each, and drains at shutdown.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::admission_gate::AdmissionPass;
use super::concurrency_limit::Permit;
use super::engine::DeliveryEngine;
use super::fetch_failures::FetchFailures;
use super::in_flight::InFlightGuard;
use super::jitter::Jitter;
use super::key_queues::Route;
use super::lease::keep_lease_quietly;
use super::setup::{Delivery, DrainSummary};
use super::tasks::Tasks;
use super::{attempt, key_worker};
use crate::broker::{Incoming, Subscription};

/// How long aborted tasks may take to end. A task that computes without yielding
/// is left behind: its message stays leased until the task ends.
const ABORT_GRACE: Duration = Duration::from_secs(5);

/// Marks the engine as fetching until it is dropped.
struct FetchingFlag<'a>(&'a AtomicBool);

impl Drop for FetchingFlag<'_> {
    fn drop(&mut self) {
        self.0.store(false, Relaxed);
    }
}

impl Delivery {
    /// Delivers until `shutdown` completes. Then it stops fetching, waits up to
    /// `drain` for the attempts in flight, and gives the rest back to the
    /// broker; the shutdown turns no message into a dead letter. If the future is
    /// dropped early, it stops at once, and all messages in flight are
    /// redelivered.
    pub async fn run(
        self,
        subscription: Box<dyn Subscription>,
        shutdown: impl Future<Output = ()>,
        drain: Duration,
    ) -> DrainSummary {
        let engine = DeliveryEngine::new(self, Jitter::random());
        engine.run(subscription, shutdown, drain).await
    }
}

impl DeliveryEngine {
    /// Delivers until `shutdown` completes, then drains.
    pub(super) async fn run(
        self: Arc<Self>,
        subscription: Box<dyn Subscription>,
        shutdown: impl Future<Output = ()>,
        drain: Duration,
    ) -> DrainSummary {
        let mut tasks = Tasks::new(self.limit.max());
        self.source.open(subscription).await;
        tokio::select! {
            biased;
            () = shutdown => {}
            never = self.fetch_and_start(&mut tasks) => match never {},
            never = self.throttles.report_counts(&self.delivery.name) => match never {},
        }
        self.source.close().await;
        let summary = self.drain(&tasks, drain).await;
        self.throttles.report_remaining(&self.delivery.name);
        summary
    }

    /// Waits for the gate, acquires a permit, fetches a message, and starts its
    /// task, in this order. If the future is dropped between these steps, neither
    /// the permit nor the message is lost.
    async fn fetch_and_start(self: &Arc<Self>, tasks: &mut Tasks) -> Infallible {
        let mut failures = FetchFailures::default();
        loop {
            self.gate.wait_until_open().await;
            if let Some(queues) = &self.key_queues {
                self.while_fetching(queues.wait_for_space()).await;
            }
            let permit = self.limit.acquire().await;
            if !self.gate.is_open() {
                continue;
            }
            let only_fresh = self.retry_share.is_full(&self.limit);
            let next = tokio::select! {
                biased;
                next = self.while_fetching(self.source.next(only_fresh)) => next,
                () = self.retry_share.wait_for_release(), if only_fresh => continue,
                // Another task needs the idle permit, or the gate has closed.
                () = self.limit.wait_for_request() => continue,
            };
            match next {
                Ok(incoming) => {
                    failures.clear();
                    match self.try_admit_unordered() {
                        Some(pass) => tasks.add(self.spawn(incoming, permit, pass)),
                        None => self.start_task(incoming, permit, tasks).await,
                    }
                }
                Err(error) => {
                    drop(permit);
                    failures.wait(&self.delivery, &error).await;
                }
            }
        }
    }

    /// Runs `fetch`, and marks the engine as fetching meanwhile.
    async fn while_fetching<T>(&self, fetch: impl Future<Output = T>) -> T {
        self.fetching.store(true, Relaxed);
        let _until = FetchingFlag(&self.fetching);
        fetch.await
    }

    /// Admits an attempt if messages are not ordered and the gate is open.
    fn try_admit_unordered(&self) -> Option<AdmissionPass> {
        match self.key_queues {
            None => self.gate.try_admit(),
            Some(_) => None,
        }
    }

    /// Starts the task of a message, unless the message must wait for another
    /// one.
    async fn start_task(
        self: &Arc<Self>,
        incoming: Incoming,
        permit: Permit<'_>,
        tasks: &mut Tasks,
    ) {
        let route = match &self.key_queues {
            Some(queues) => queues.enter(incoming),
            None => Route::Unordered(incoming),
        };
        tasks.add(match route {
            Route::Queued => return,
            Route::Unordered(mut incoming) => {
                let pass = self.admit(&mut incoming).await;
                self.spawn(incoming, permit, pass)
            }
            Route::First(mut incoming, queue) => {
                let pass = self.admit(&mut incoming).await;
                let in_flight = InFlightGuard::new(self, permit, pass);
                let task = key_worker::deliver(incoming, in_flight, queue);
                self.delivery.runtime.spawn(task)
            }
        });
    }

    /// Starts the task of a message that waits for no other.
    fn spawn(
        self: &Arc<Self>,
        incoming: Incoming,
        permit: Permit<'_>,
        pass: AdmissionPass,
    ) -> JoinHandle<()> {
        let in_flight = InFlightGuard::for_message(self, &incoming, permit, pass);
        self.delivery
            .runtime
            .spawn(attempt::deliver(incoming, in_flight))
    }

    /// Waits for admission: the gate may have closed while the message was
    /// fetched.
    async fn admit(&self, incoming: &mut Incoming) -> AdmissionPass {
        if let Some(pass) = self.gate.try_admit() {
            return pass;
        }
        tokio::select! {
            biased;
            pass = self.gate.admit() => pass,
            never = keep_lease_quietly(&mut *incoming.receipt) => match never {},
        }
    }

    /// Waits up to `limit` for the attempts in flight, and gives the rest back.
    async fn drain(&self, tasks: &Tasks, limit: Duration) -> DrainSummary {
        let begun = Instant::now();
        let before = self.delivery.stats.counters();
        self.draining.send_replace(true);
        if timeout(limit, self.wait_until_done()).await.is_err() {
            tasks.abort();
            // After the grace period, the count below includes the tasks left
            // behind.
            let _ = timeout(ABORT_GRACE, self.wait_until_done()).await;
        }
        let after = self.delivery.stats.counters();
        let given_back = after.given_back - before.given_back + after.in_flight;
        DrainSummary {
            finished: before.in_flight.saturating_sub(given_back),
            given_back,
            took: begun.elapsed(),
        }
    }

    /// Waits until nothing is in flight, and no message is queued.
    async fn wait_until_done(&self) {
        self.limit.wait_until_idle().await;
        if let Some(queues) = &self.key_queues {
            queues.wait_until_empty().await;
        }
    }
}
