//! Core NATS under the contract of all brokers.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bridge_host::broker::Broker;
use bridge_host::broker::nats::{Auth, Settings, Tls};

use super::support::open;
use super::{Remote, Server};
use crate::harness::{NatsServer, NatsVersion};

/// A server.
pub struct CoreNats(pub NatsServer);

/// Returns settings for this server, without authentication.
pub fn settings(url: String) -> Settings {
    Settings {
        urls: vec![url],
        auth: Auth::None,
        tls: Tls::default(),
        max_reconnect_wait: Duration::from_millis(200),
    }
}

/// A server of the current version.
pub struct CurrentNats(CoreNats);

#[async_trait]
impl Server for CurrentNats {
    async fn start() -> Self {
        Self(CoreNats(NatsServer::start_as(NatsVersion::Current).await))
    }

    async fn connect(&self) -> Arc<dyn Broker> {
        self.0.connect().await
    }

    fn config(&self) -> String {
        self.0.config()
    }
}

#[async_trait]
impl Remote for CurrentNats {
    async fn restart(&mut self) {
        self.0.restart().await;
    }
}

#[async_trait]
impl Server for CoreNats {
    async fn start() -> Self {
        Self(NatsServer::start().await)
    }

    async fn connect(&self) -> Arc<dyn Broker> {
        open(settings(self.0.url())).await
    }

    fn config(&self) -> String {
        format!(
            "[connections.events]\ntype = \"nats\"\nurl = {:?}\n",
            self.0.url()
        )
    }
}

#[async_trait]
impl Remote for CoreNats {
    async fn restart(&mut self) {
        self.0.kill();
        self.0.start_again().await;
    }
}
