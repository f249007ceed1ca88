//! The embedded broker under the contract of all brokers.

use std::sync::Arc;

use async_trait::async_trait;
use bridge_host::broker::Broker;
use bridge_host::store::Settings;
use tempfile::TempDir;

use super::Server;
use super::support::open;

/// The folder of the broker.
pub struct Local(TempDir);

#[async_trait]
impl Server for Local {
    async fn start() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    async fn connect(&self) -> Arc<dyn Broker> {
        let settings = Settings {
            path: self.0.path().into(),
            ..Settings::default()
        };
        open(settings).await
    }

    fn config(&self) -> String {
        String::new()
    }

    fn from(&self) -> &'static str {
        "embedded"
    }
}
