//! All open brokers by the names of their connections, the local store among
//! them: it is always there, and keeps the dead letters of those that do not.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::error::HostError;
use super::threads::Threads;
use crate::broker::embedded::Embedded;
use crate::broker::{Connection, OpenError, Opened};
use crate::config::{Config, EMBEDDED};
use crate::guest::Connections;

/// Open brokers.
pub(super) struct Brokers {
    all: BTreeMap<String, Opened>,
    store: Arc<Embedded>,
}

impl Brokers {
    /// Opens what is configured, each connection on the thread of the first
    /// subscription to it: so its messages and their acknowledgements go from
    /// task to task there, and wake no other thread.
    pub(super) async fn open(config: &Config, threads: &Threads) -> Result<Self, HostError> {
        let mut all = BTreeMap::new();
        for (name, connection) in &config.connections {
            let mut subscriptions = config.subscriptions.iter();
            let first = subscriptions.position(|it| it.from == *name);
            let opened = match first {
                Some(n) => opened_on(threads.of(n), connection.clone(), name.clone()).await,
                None => connection.open(name).await,
            };
            all.insert(name.clone(), opened.map_err(failed(name))?);
        }
        let store = match all.get(EMBEDDED).and_then(|opened| opened.embedded.clone()) {
            Some(store) => store,
            // A config always has it; one made by hand may not.
            None => {
                let standard = Connection::Embedded(Default::default());
                let opened = standard.open(EMBEDDED).await.map_err(failed(EMBEDDED))?;
                opened.embedded.expect("what is opened as embedded is")
            }
        };
        Ok(Self { all, store })
    }

    /// The broker of a connection.
    pub(super) fn get(&self, name: &str) -> &Opened {
        &self.all[name]
    }

    /// Where dead letters go that their broker does not keep.
    pub(super) fn store(&self) -> &Arc<Embedded> {
        &self.store
    }

    /// Those that are embedded.
    pub(super) fn embedded(&self) -> impl Iterator<Item = (&str, &Arc<Embedded>)> {
        let all = self.all.iter();
        all.filter_map(|(name, opened)| Some((name.as_str(), opened.embedded.as_ref()?)))
    }

    /// As components open them.
    pub(super) fn connections(&self) -> Connections {
        let all = self.all.iter();
        all.map(|(name, opened)| (name.clone(), opened.broker.clone()))
            .collect()
    }

    /// Why some of them cannot take or give messages.
    pub(super) fn trouble(&self) -> Option<String> {
        let mut troubles = self.all.iter().filter_map(|(name, opened)| {
            let trouble = opened.broker.trouble()?;
            Some(format!("{name}: {trouble}"))
        });
        let first = troubles.next()?;
        Some(troubles.fold(first, |all, next| format!("{all}; {next}")))
    }

    /// Those elsewhere first: what they are told may rest on the local store.
    pub(super) async fn close(&self) {
        let (local, remote): (Vec<_>, Vec<_>) =
            self.all.values().partition(|one| one.embedded.is_some());
        for opened in remote.into_iter().chain(local) {
            opened.broker.close().await;
        }
    }
}

async fn opened_on(
    runtime: &Handle,
    connection: Connection,
    name: String,
) -> Result<Opened, OpenError> {
    let opening = runtime.spawn(async move { connection.open(&name).await });
    opening.await.expect("a thread that runs on")
}

fn failed(name: &str) -> impl Fn(OpenError) -> HostError {
    move |source| HostError::Connection {
        name: name.into(),
        source,
    }
}
