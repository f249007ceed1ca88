//! The bridge as a whole: configuration becomes brokers, components and
//! listeners; they run until told to stop; what is in flight is drained.

mod brokers;
mod code;
mod composition;
mod deliveries;
mod error;
mod front;
mod known_topics;
mod ledger;
mod left_over;
mod load;
mod loops;
mod needs;
mod start;
mod subscription;
mod threads;
mod workers;

pub use composition::{composition, handler, posts_what_it_sends};
pub use error::{HostError, SubscriptionError};
pub use load::topics;
pub use needs::too_few_descriptors;

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::timeout;

use brokers::Brokers;
use deliveries::Deliveries;
use front::{Bound, Front};
use start::Start;
use subscription::{Ready, Share};
use threads::Threads;

use crate::admin::Phase;
use crate::config::Config;
use crate::ingest;
use crate::trouble::Troubles;

/// A start that is given up ends within twice this time.
const HASTE: Duration = Duration::from_millis(400);

/// A bridge that has its addresses, and has not begun.
pub struct Host {
    config: Config,
    bound: Bound,
}

impl Host {
    /// Binds the listeners: before anything else, so that a second bridge of
    /// the same addresses leaves nothing behind.
    pub async fn bind(config: &Config) -> Result<Self, HostError> {
        Ok(Self {
            bound: Bound::bind(config).await?,
            config: config.clone(),
        })
    }

    /// Where the intake listens.
    pub fn address(&self) -> SocketAddr {
        self.bound.address
    }

    /// Where operators are answered beside the intake.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.bound.admin_address
    }

    /// Answers from the first moment, starts everything, calls `started`, and
    /// runs until `shutdown` completes. Then it drains: nothing new is taken,
    /// what is in flight may end, the brokers close. Health is answered until
    /// then. The error is why the bridge could not start.
    pub async fn run(
        self,
        started: impl FnOnce(),
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), HostError> {
        let config = self.config;
        let troubles = Troubles::default();
        let front = self.bound.start(&config, &troubles)?;
        let mut shutdown = pin!(shutdown);
        let wanted: Vec<_> = config.subscriptions.iter().map(|it| it.threads).collect();
        let threads = Threads::start(&wanted).map_err(HostError::Thread)?;
        let brokers = Arc::new(Brokers::open(&config, &threads).await?);
        let start = async {
            Start::new(&config, &front, &threads, &brokers, &troubles)?
                .run()
                .await
        };
        let start = tokio::select! {
            ready = start => ready.map(Some),
            () = &mut shutdown => Ok(None),
        };
        let ready = match start {
            Ok(Some(ready)) => ready,
            ended => {
                give_up(front, &brokers).await;
                return ended.map(drop);
            }
        };
        let (stop, stopped) = watch::channel(false);
        let mut deliveries = deliveries(ready, &threads, &stopped, config.shutdown.drain_timeout);
        front.admin.set_phase(Phase::Running);
        started();
        tokio::select! {
            () = shutdown => {}
            never = deliveries.watch(&front.admin) => match never {},
        }
        front.drain();
        brokers.crashes().stopping();
        stop.send_replace(true);
        let began = Instant::now();
        deliveries.ended().await;
        front
            .stop(ingest::SHUTDOWN_GRACE.saturating_sub(began.elapsed()))
            .await;
        brokers.close().await;
        Ok(())
    }
}

/// Ends a start before anything was delivered. What publishers were told is
/// kept is on the disk; what else is under way is cut off.
async fn give_up(front: Front, brokers: &Brokers) {
    front.drain();
    front.stop(HASTE).await;
    let _ = timeout(HASTE, brokers.close()).await;
}

/// Starts the deliveries of every subscription on its threads.
fn deliveries(
    subscriptions: Vec<Ready>,
    threads: &Threads,
    stopped: &watch::Receiver<bool>,
    drain: Duration,
) -> Deliveries {
    let mut deliveries = Deliveries::default();
    for share in subscriptions.into_iter().flat_map(|it| it.shares) {
        let Share {
            delivery, source, ..
        } = share;
        let stopped = wait(stopped.clone());
        let name = delivery.name.clone();
        let delivery = delivery.run(source, stopped, drain);
        deliveries.spawn(name, delivery, threads.runtime(share.thread));
    }
    deliveries
}

async fn wait(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone, and the host with it.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
