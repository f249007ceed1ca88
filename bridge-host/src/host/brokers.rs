//! The open brokers, by the names of their connections, and the local store, which keeps
//! dead letters for brokers that cannot. Opening one broker is up to `broker`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::error::HostError;
use super::threads::Threads;
use crate::broker::{Broker, Connection, OpenError};
use crate::config::{Config, EMBEDDED};
use crate::delivery::CrashRecord;
use crate::guest::Connections;
use crate::store::Store;

/// The open brokers and the local store.
pub(super) struct Brokers {
    all: BTreeMap<String, Arc<dyn Broker>>,
    /// Further connections to the same broker, by name and thread.
    per_thread: BTreeMap<(String, usize), Arc<dyn Broker>>,
    store: Arc<Store>,
    crashes: CrashRecord,
}

impl Brokers {
    /// Opens all connections of the config. Each connection runs on the thread of its first
    /// subscription, so messages and acknowledgements wake no other thread. Each further
    /// thread of a subscription gets its own connection.
    pub(super) async fn open(config: &Config, threads: &Threads) -> Result<Self, HostError> {
        let mut all = BTreeMap::new();
        let mut per_thread = BTreeMap::new();
        for (name, connection) in &config.connections {
            let (first, others) = threads_of(config, threads, name);
            let opened = match first {
                Some(thread) => open_on(threads, thread, connection, name).await?,
                None => connection
                    .open(name)
                    .await
                    .map_err(connection_error(name))?,
            };
            if opened.capabilities().shared {
                for thread in others {
                    let opened = open_on(threads, thread, connection, name).await?;
                    per_thread.insert((name.clone(), thread), opened);
                }
            }
            all.insert(name.clone(), opened);
        }
        let store = match all.get(EMBEDDED).and_then(|broker| broker.store()) {
            Some(store) => store.clone(),
            // Every config that was loaded has it; a `Config` built in code may not.
            None => {
                let opened = Store::open(Default::default()).map_err(OpenError::new);
                Arc::new(opened.map_err(connection_error(EMBEDDED))?)
            }
        };
        let crashes = open_crash_record(store.folder());
        Ok(Self {
            all,
            per_thread,
            store,
            crashes,
        })
    }

    /// Returns the broker of a connection.
    pub(super) fn get(&self, name: &str) -> &Arc<dyn Broker> {
        &self.all[name]
    }

    /// Returns the broker of a connection as it is opened on this thread.
    pub(super) fn on_thread(&self, thread: usize, name: &str) -> &Arc<dyn Broker> {
        let own = self.per_thread.get(&(name.into(), thread));
        own.unwrap_or_else(|| self.get(name))
    }

    /// Returns the local store, which keeps dead letters for brokers that cannot.
    pub(super) fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Returns the record of messages in flight, which is beside the local store.
    pub(super) fn crashes(&self) -> &CrashRecord {
        &self.crashes
    }

    /// Returns the stores of embedded brokers, by the names of their connections.
    pub(super) fn stores(&self) -> impl Iterator<Item = (&str, &Arc<Store>)> {
        let all = self.all.iter();
        all.filter_map(|(name, broker)| Some((name.as_str(), broker.store()?)))
    }

    /// Returns the connections that components may open.
    pub(super) fn connections(&self) -> Connections {
        let all = self.all.iter();
        all.map(|(name, broker)| (name.clone(), broker.clone()))
            .collect()
    }

    /// Returns why some brokers cannot accept or deliver messages, in one line.
    pub(super) fn trouble(&self) -> Option<String> {
        let mut troubles = self.all.iter().filter_map(|(name, broker)| {
            let further = self.per_thread.iter().filter(|((of, _), _)| of == name);
            let mut each = [broker]
                .into_iter()
                .chain(further.map(|(_, broker)| broker));
            let trouble = each.find_map(|broker| broker.trouble())?;
            Some(format!("{name}: {trouble}"))
        });
        let first = troubles.next()?;
        Some(troubles.fold(first, |all, next| format!("{all}; {next}")))
    }

    /// Closes remote brokers first, because their last acknowledgements may depend on the
    /// local store.
    pub(super) async fn close(&self) {
        let all = self.all.values().chain(self.per_thread.values());
        let (local, remote): (Vec<_>, Vec<_>) = all.partition(|one| one.store().is_some());
        for broker in remote.into_iter().chain(local) {
            broker.close().await;
        }
        self.store.close().await;
    }
}

/// Opens the record of messages in flight. If it cannot be written, the bridge runs
/// without one.
fn open_crash_record(folder: &Path) -> CrashRecord {
    CrashRecord::open(folder).unwrap_or_else(|error| {
        tracing::warn!(
            folder = %folder.display(),
            %error,
            "messages in flight cannot be recorded, so a message that crashes the host is not recognised"
        );
        CrashRecord::disabled()
    })
}

/// Returns the thread of the first subscription to a connection, and the further threads
/// of its subscriptions.
fn threads_of(config: &Config, threads: &Threads, name: &str) -> (Option<usize>, BTreeSet<usize>) {
    let subscriptions = config.subscriptions.iter().enumerate();
    let subscriptions = subscriptions.filter(|(_, it)| it.from == name);
    let assigned: Vec<_> = subscriptions.map(|(n, _)| threads.of(n)).collect();
    let first = assigned.first().map(|threads| threads[0]);
    let several = assigned.iter().filter(|threads| threads.len() > 1);
    let others = several.flat_map(|threads| threads.iter().copied());
    (first, others.filter(|it| Some(*it) != first).collect())
}

async fn open_on(
    threads: &Threads,
    thread: usize,
    connection: &Connection,
    name: &str,
) -> Result<Arc<dyn Broker>, HostError> {
    let (connection, named) = (connection.clone(), name.to_owned());
    let runtime = threads.runtime(thread);
    let opening = runtime.spawn(async move { connection.open(&named).await });
    opening
        .await
        .expect("the thread runs until `threads` is dropped")
        .map_err(connection_error(name))
}

fn connection_error(name: &str) -> impl Fn(OpenError) -> HostError {
    move |source| HostError::Connection {
        name: name.into(),
        source,
    }
}
