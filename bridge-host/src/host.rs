//! Starts the bridge from a config, runs it until it is told to stop, and drains it. What
//! brokers, components and deliveries do is in the modules below.

mod brokers;
mod code;
mod component_source;
mod composition;
mod deliveries;
mod error;
mod known_topics;
mod ledger;
mod listeners;
mod loops;
mod needs;
mod orphans;
mod start;
mod subscription;
mod threads;
mod workers;

pub use component_source::topics;
pub use composition::{composition, handler, posts_published_messages};
pub use error::{HostError, SubscriptionError};
pub use needs::too_few_descriptors;

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::timeout;

use brokers::Brokers;
use deliveries::Deliveries;
use listeners::{BoundListeners, Listeners};
use start::Startup;
use subscription::{ReadySubscription, ThreadShare};
use threads::Threads;

use crate::admin::Phase;
use crate::config::Config;
use crate::ingest;
use crate::trouble::Troubles;

/// A start that is aborted ends within twice this time.
const ABORT_GRACE: Duration = Duration::from_millis(400);

/// A bridge whose listeners are bound, and which does not run yet.
pub struct Host {
    config: Config,
    bound: BoundListeners,
}

impl Host {
    /// Binds the listeners. This comes first, so a second bridge with the same addresses
    /// fails before it changes any file.
    pub async fn bind(config: &Config) -> Result<Self, HostError> {
        Ok(Self {
            bound: BoundListeners::bind(config).await?,
            config: config.clone(),
        })
    }

    /// Returns the address of the intake.
    pub fn address(&self) -> SocketAddr {
        self.bound.address
    }

    /// Returns the address of the listener for operators, if there is one.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.bound.admin_address
    }

    /// Starts the bridge, calls `started`, and runs until `shutdown` completes. Then it
    /// drains: the intake refuses messages, deliveries in flight may end, and the brokers
    /// close. The listeners answer health checks all the time. The error is why the bridge
    /// could not start.
    pub async fn run(
        self,
        started: impl FnOnce(),
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), HostError> {
        let config = self.config;
        let troubles = Troubles::default();
        let listeners = self.bound.start(&config, &troubles)?;
        let mut shutdown = pin!(shutdown);
        let requested: Vec<_> = config.subscriptions.iter().map(|it| it.threads).collect();
        let threads = Threads::start(&requested).map_err(HostError::Thread)?;
        let brokers = Arc::new(Brokers::open(&config, &threads).await?);
        let start = async {
            Startup::new(&config, &listeners, &threads, &brokers, &troubles)?
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
                abort(listeners, &brokers).await;
                return ended.map(drop);
            }
        };
        let (stop, stopped) = watch::channel(false);
        let mut deliveries = deliveries(ready, &threads, &stopped, config.shutdown.drain_timeout);
        listeners.admin.set_phase(Phase::Running);
        started();
        tokio::select! {
            () = shutdown => {}
            never = deliveries.watch(&listeners.admin) => match never {},
        }
        listeners.drain();
        brokers.crashes().mark_stopping();
        stop.send_replace(true);
        let began = Instant::now();
        deliveries.ended().await;
        listeners
            .stop(ingest::SHUTDOWN_GRACE.saturating_sub(began.elapsed()))
            .await;
        brokers.close().await;
        Ok(())
    }
}

/// Aborts a start before any message was delivered. Messages with a 202 are durable;
/// other requests in progress are cut off.
async fn abort(listeners: Listeners, brokers: &Brokers) {
    listeners.drain();
    listeners.stop(ABORT_GRACE).await;
    let _ = timeout(ABORT_GRACE, brokers.close()).await;
}

/// Starts the deliveries of every subscription on its threads.
fn deliveries(
    subscriptions: Vec<ReadySubscription>,
    threads: &Threads,
    stopped: &watch::Receiver<bool>,
    drain: Duration,
) -> Deliveries {
    let mut deliveries = Deliveries::default();
    for share in subscriptions.into_iter().flat_map(|it| it.shares) {
        let ThreadShare {
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
    // An error means that the host, which has the sender, was dropped.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
