//! JetStream under the contract of all brokers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bridge_host::broker::Broker;
use bridge_host::broker::nats::{Consumer, JetStreamSettings, Stream};

use super::support::{GROUP, LEASE, open};
use super::{Remote, Server};
use crate::harness::{NatsServer, NatsVersion};

/// A server with JetStream.
pub struct JetStreamServer(pub NatsServer);

/// Returns settings for this server, with short leases.
pub fn settings(url: String) -> JetStreamSettings {
    let consumer = Consumer {
        ack_wait: LEASE,
        ..Consumer::default()
    };
    JetStreamSettings {
        connection: super::core::settings(url),
        domain: None,
        stream: Stream {
            deduplication_window: Duration::from_secs(60),
            ..Stream::default()
        },
        consumers: BTreeMap::from([(GROUP.into(), consumer)]),
    }
}

/// A server of the current version.
pub struct CurrentJetStream(pub JetStreamServer);

#[async_trait]
impl Server for CurrentJetStream {
    async fn start() -> Self {
        let server = NatsServer::start_as(NatsVersion::Current).await;
        Self(JetStreamServer(server))
    }

    async fn connect(&self) -> Arc<dyn Broker> {
        self.0.connect().await
    }

    fn config(&self) -> String {
        self.0.config()
    }

    fn subscription(&self) -> &'static str {
        self.0.subscription()
    }
}

#[async_trait]
impl Remote for CurrentJetStream {
    async fn restart(&mut self) {
        self.0.restart().await;
    }
}

#[async_trait]
impl Server for JetStreamServer {
    async fn start() -> Self {
        Self(NatsServer::start().await)
    }

    async fn connect(&self) -> Arc<dyn Broker> {
        open(settings(self.0.url())).await
    }

    fn config(&self) -> String {
        format!(
            "[connections.events]\ntype = \"jetstream\"\nurl = {:?}\nmax_reconnect_wait = \"200ms\"\n",
            self.0.url()
        )
    }

    fn subscription(&self) -> &'static str {
        "consumer = { ack_wait = \"2s\" }\n"
    }
}

#[async_trait]
impl Remote for JetStreamServer {
    async fn restart(&mut self) {
        self.0.kill();
        self.0.start_again().await;
    }
}
