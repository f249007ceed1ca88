//! The engine of one subscription: takes messages in while there is room,
//! starts a task for each, and drains at shutdown.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::attempt::deliver;
use super::jitter::Jitter;
use super::limit::{InFlight, Limit};
use super::{Delivery, Summary, log};
use crate::broker::Subscription;

/// The pauses of a subscription that fails begin here, double, and end there.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(10);

/// How long aborted tasks may take to end. One that computes without a pause
/// is left behind: its message stays leased until it ends.
const ABORT_GRACE: Duration = Duration::from_secs(5);

/// What the deliveries of a subscription share.
pub(super) struct Engine {
    pub(super) delivery: Delivery,
    pub(super) limit: Limit,
    pub(super) jitter: Jitter,
}

impl Engine {
    pub(super) fn new(delivery: Delivery, jitter: Jitter) -> Arc<Self> {
        let limit = Limit::new(delivery.policy.max_in_flight);
        Arc::new(Self {
            delivery,
            limit,
            jitter,
        })
    }

    /// Delivers until `shutdown`, then drains.
    pub(super) async fn run(
        self: Arc<Self>,
        mut subscription: Box<dyn Subscription>,
        shutdown: impl Future<Output = ()>,
        drain: Duration,
    ) -> Summary {
        let mut tasks = Tasks::new(self.limit.places());
        tokio::select! {
            biased;
            () = shutdown => {}
            never = self.intake(&mut *subscription, &mut tasks) => match never {},
        }
        let summary = self.drain(&tasks, drain).await;
        log::drained(&self.delivery.name, &summary);
        summary
    }

    /// Place, message, task: no place, no message. Dropped between them, it
    /// loses neither.
    async fn intake(
        self: &Arc<Self>,
        subscription: &mut dyn Subscription,
        tasks: &mut Tasks,
    ) -> Infallible {
        let mut pause = FIRST_PAUSE;
        loop {
            let place = self.limit.place().await;
            match subscription.next().await {
                Ok(incoming) => {
                    pause = FIRST_PAUSE;
                    let task = deliver(incoming, InFlight::new(self, place));
                    tasks.add(self.delivery.workers.spawn(task));
                }
                Err(error) => {
                    drop(place);
                    log::no_next(&self.delivery.name, &error, pause);
                    sleep(pause).await;
                    pause = LAST_PAUSE.min(pause * 2);
                }
            }
        }
    }

    /// Waits for what is under way, within the limit; gives back the rest.
    async fn drain(&self, tasks: &Tasks, limit: Duration) -> Summary {
        let begun = Instant::now();
        let before = self.delivery.stats.counters();
        if timeout(limit, self.limit.all_free()).await.is_err() {
            tasks.abort();
            // Past the grace the count below tells of those left behind.
            let _ = timeout(ABORT_GRACE, self.limit.all_free()).await;
        }
        let after = self.delivery.stats.counters();
        let given_back = after.given_back - before.given_back + after.in_flight;
        Summary {
            finished: before.in_flight.saturating_sub(given_back),
            given_back,
            took: begun.elapsed(),
        }
    }
}

/// The tasks under way, and some that ended: they are swept out by the
/// hundred, which costs less than a set that knows of each end. Dropped, it
/// aborts them, so that nothing goes on behind the back of whoever dropped
/// the engine.
struct Tasks {
    handles: Vec<JoinHandle<()>>,
    sweep_at: usize,
}

impl Tasks {
    fn new(places: usize) -> Self {
        Self {
            handles: Vec::new(),
            sweep_at: places.saturating_mul(2).max(64),
        }
    }

    fn add(&mut self, task: JoinHandle<()>) {
        if self.handles.len() >= self.sweep_at {
            self.handles.retain(|task| !task.is_finished());
        }
        self.handles.push(task);
    }

    fn abort(&self) {
        self.handles.iter().for_each(JoinHandle::abort);
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.abort();
    }
}
