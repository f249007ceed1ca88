//! The bridge as a whole: configuration becomes brokers, components and
//! listeners; they run until told to stop; what is in flight is drained.

mod brokers;
mod composition;
mod deliveries;
mod error;
mod ledger;
mod left_over;
mod load;
mod subscription;
mod threads;

pub use composition::{composition, handler, posts_what_it_sends};
pub use error::{HostError, SubscriptionError};
pub use load::check_topics;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

use brokers::Brokers;
use deliveries::Deliveries;
use subscription::Share;
use threads::Threads;

use crate::admin::Admin;
use crate::broker::Broker;
use crate::config::Config;
use crate::guest::Runtime;
use crate::ingest;
use crate::trouble::Troubles;

/// A bridge that has all that it needs, and has not begun.
pub struct Host {
    listener: TcpListener,
    address: SocketAddr,
    intake: ingest::Settings,
    brokers: Brokers,
    into: Arc<dyn Broker>,
    subscriptions: Vec<subscription::Ready>,
    threads: Threads,
    drain: Duration,
    troubles: Troubles,
}

impl Host {
    /// Binds the listener, opens the brokers, loads the components: whatever
    /// can fail, fails here. In this order, as a broker keeps messages for a
    /// subscription from when it joined.
    pub async fn bind(config: &Config) -> Result<Self, HostError> {
        let address = config.intake.address;
        let listen = |source| HostError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let wanted: Vec<_> = config.subscriptions.iter().map(|it| it.threads).collect();
        let threads = Threads::start(&wanted).map_err(HostError::Thread)?;
        let brokers = Brokers::open(config, &threads).await?;
        let connections = Arc::new(brokers.connections());
        let runtime = Runtime::new(&config.guests.cache, config.guests.memory, &config.http)?;
        let mut subscriptions = Vec::new();
        for (n, each) in config.subscriptions.iter().enumerate() {
            let places = threads.of(n);
            let ready =
                subscription::prepare(each, &runtime, &connections, &brokers, &threads, places);
            subscriptions.push(ready.await.map_err(|source| HostError::Subscription {
                name: each.name.clone(),
                source,
            })?);
        }
        for (name, broker) in brokers.embedded() {
            left_over::tell(name, broker).await;
        }
        Ok(Self {
            address: listener.local_addr().map_err(listen)?,
            listener,
            into: connections[&config.intake.into].clone(),
            intake: config.intake.clone(),
            brokers,
            subscriptions,
            threads,
            drain: config.drain,
            troubles: Troubles::default(),
        })
    }

    /// Where the intake listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Runs until `shutdown` completes, then drains: intake first, then what
    /// is in flight, then the brokers.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let (stop, stopped) = watch::channel(false);
        let brokers = Arc::new(self.brokers);
        let needed = brokers.clone();
        let view = ledger::View::new(&brokers, &self.subscriptions);
        let troubles = self.troubles;
        let trouble = move || joined(troubles.all(), needed.trouble());
        let admin = Arc::new(Admin::new(view, trouble));
        let mut deliveries = Deliveries::default();
        let shares = self.subscriptions.into_iter().flat_map(|it| it.shares);
        for share in shares {
            let Share {
                delivery, source, ..
            } = share;
            let stopped = wait(stopped.clone());
            let name = delivery.name.clone();
            let delivery = delivery.run(source, stopped, self.drain);
            deliveries.spawn(name, delivery, self.threads.runtime(share.thread));
        }
        let intake = ingest::serve(
            self.listener,
            self.into,
            self.intake,
            admin.clone(),
            wait(stopped),
        );
        let intake = tokio::spawn(intake);
        admin.set_ready(true);
        tokio::select! {
            () = shutdown => {}
            never = deliveries.watch(&admin) => match never {},
        }
        admin.set_ready(false);
        stop.send_replace(true);
        let _ = intake.await;
        deliveries.ended().await;
        brokers.close().await;
    }
}

/// Local trouble and that of the brokers, in one line.
fn joined(local: Option<String>, brokers: Option<String>) -> Option<String> {
    let texts: Vec<_> = local.into_iter().chain(brokers).collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}

async fn wait(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone, and the host with it.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
