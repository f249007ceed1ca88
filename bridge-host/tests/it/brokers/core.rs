//! Core NATS under the contract.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bridge_host::broker::nats::{Auth, Settings, Tls};
use bridge_host::broker::{Broker, Connection};

use super::Server;
use crate::harness::NatsServer;

/// A server.
pub struct CoreNats(NatsServer);

/// A connection to this server, as whoever comes.
pub fn settings(url: String) -> Settings {
    Settings {
        urls: vec![url],
        auth: Auth::None,
        tls: Tls::default(),
        max_reconnect_wait: Duration::from_millis(200),
    }
}

#[async_trait]
impl Server for CoreNats {
    async fn start() -> Self {
        Self(NatsServer::start().await)
    }

    async fn connect(&self) -> Arc<dyn Broker> {
        let opened = Connection::Nats(settings(self.0.url()))
            .open("events")
            .await;
        opened.expect("it opens").broker
    }

    fn config(&self) -> String {
        format!(
            "[connections.events]\ntype = \"nats\"\nurl = {:?}\n",
            self.0.url()
        )
    }

    async fn restart(&mut self) -> bool {
        self.0.kill();
        self.0.start_again().await;
        true
    }
}
