//! Redis Streams under the contract of all brokers.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bridge_host::broker::Broker;
use bridge_host::broker::redis::{Settings, Streams};
use bridge_host::secret::Secret;

use super::support::LEASE;
use super::{Remote, Server};
use crate::harness::RedisServer;

/// A server.
pub struct RedisStreams(pub RedisServer);

/// Returns settings for this server, with short leases.
pub fn settings(url: String) -> Settings {
    Settings {
        ack_wait: LEASE,
        max_reconnect_wait: Duration::from_millis(200),
        ..Settings::new(Secret::new(url))
    }
}

/// Opens a broker with these settings.
pub async fn open(settings: &Settings) -> Arc<dyn Broker> {
    let opened = Streams::open("events", settings).await;
    Arc::new(opened.expect("it opens"))
}

#[async_trait]
impl Server for RedisStreams {
    async fn start() -> Self {
        Self(RedisServer::start().await)
    }

    async fn connect(&self) -> Arc<dyn Broker> {
        open(&settings(self.0.url())).await
    }

    fn config(&self) -> String {
        format!(
            "[connections.events]\ntype = \"redis\"\nurl = {:?}\nack_wait = \"2s\"\nmax_reconnect_wait = \"200ms\"\n",
            self.0.url()
        )
    }
}

#[async_trait]
impl Remote for RedisStreams {
    async fn restart(&mut self) {
        self.0.kill();
        self.0.start_again().await;
    }
}
