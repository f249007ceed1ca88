//! The embedded broker under the contract.

use std::sync::Arc;

use async_trait::async_trait;
use bridge_host::broker::{Broker, Connection};
use bridge_host::store::Settings;
use tempfile::TempDir;

use super::Server;

/// A folder.
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
        let opened = Connection::Embedded(settings).open("events").await;
        opened.expect("it opens")
    }

    fn config(&self) -> String {
        String::new()
    }

    fn from(&self) -> &'static str {
        "embedded"
    }
}
