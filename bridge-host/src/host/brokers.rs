//! All open brokers by the names of their connections, the local store among
//! them: it is always there, and keeps the dead letters of those that do not.

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

/// Open brokers.
pub(super) struct Brokers {
    all: BTreeMap<String, Arc<dyn Broker>>,
    /// Once more, on another thread.
    more: BTreeMap<(String, usize), Arc<dyn Broker>>,
    store: Arc<Store>,
    crashes: CrashRecord,
}

impl Brokers {
    /// Opens what is configured, each connection on the thread of the first
    /// subscription to it: so its messages and their acknowledgements go from
    /// task to task there, and wake no other thread. Where a subscription has
    /// more threads, each of them has a connection too.
    pub(super) async fn open(config: &Config, threads: &Threads) -> Result<Self, HostError> {
        let mut all = BTreeMap::new();
        let mut more = BTreeMap::new();
        for (name, connection) in &config.connections {
            let (first, others) = wanted(config, threads, name);
            let opened = match first {
                Some(thread) => opened_on(threads, thread, connection, name).await?,
                None => connection.open(name).await.map_err(failed(name))?,
            };
            if opened.capabilities().shared {
                for thread in others {
                    let opened = opened_on(threads, thread, connection, name).await?;
                    more.insert((name.clone(), thread), opened);
                }
            }
            all.insert(name.clone(), opened);
        }
        let store = match all.get(EMBEDDED).and_then(|broker| broker.store()) {
            Some(store) => store.clone(),
            // A config always has it; one made by hand may not.
            None => {
                let opened = Store::open(Default::default()).map_err(OpenError::new);
                Arc::new(opened.map_err(failed(EMBEDDED))?)
            }
        };
        let crashes = recorded(store.folder());
        Ok(Self {
            all,
            more,
            store,
            crashes,
        })
    }

    /// The broker of a connection.
    pub(super) fn get(&self, name: &str) -> &Arc<dyn Broker> {
        &self.all[name]
    }

    /// The same on one of the threads of a subscription to it.
    pub(super) fn on(&self, thread: usize, name: &str) -> &Arc<dyn Broker> {
        let more = self.more.get(&(name.into(), thread));
        more.unwrap_or_else(|| self.get(name))
    }

    /// Where dead letters go that their broker does not keep.
    pub(super) fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// What is in flight from any of them, recorded beside the local store.
    pub(super) fn crashes(&self) -> &CrashRecord {
        &self.crashes
    }

    /// The stores that brokers keep their messages in, by the names of their
    /// connections.
    pub(super) fn stores(&self) -> impl Iterator<Item = (&str, &Arc<Store>)> {
        let all = self.all.iter();
        all.filter_map(|(name, broker)| Some((name.as_str(), broker.store()?)))
    }

    /// As components open them.
    pub(super) fn connections(&self) -> Connections {
        let all = self.all.iter();
        all.map(|(name, broker)| (name.clone(), broker.clone()))
            .collect()
    }

    /// Why some of them cannot take or give messages.
    pub(super) fn trouble(&self) -> Option<String> {
        let mut troubles = self.all.iter().filter_map(|(name, broker)| {
            let more = self.more.iter().filter(|((of, _), _)| of == name);
            let mut each = [broker].into_iter().chain(more.map(|(_, broker)| broker));
            let trouble = each.find_map(|broker| broker.trouble())?;
            Some(format!("{name}: {trouble}"))
        });
        let first = troubles.next()?;
        Some(troubles.fold(first, |all, next| format!("{all}; {next}")))
    }

    /// Those elsewhere first: what they are told may rest on the local store.
    pub(super) async fn close(&self) {
        let all = self.all.values().chain(self.more.values());
        let (local, remote): (Vec<_>, Vec<_>) = all.partition(|one| one.store().is_some());
        for broker in remote.into_iter().chain(local) {
            broker.close().await;
        }
        self.store.close().await;
    }
}

/// The record of what is in flight. The bridge does without it where it cannot
/// be written.
fn recorded(folder: &Path) -> CrashRecord {
    CrashRecord::open(folder).unwrap_or_else(|error| {
        tracing::warn!(
            folder = %folder.display(),
            %error,
            "messages in flight cannot be recorded: a message that crashes the host would not be recognised"
        );
        CrashRecord::none()
    })
}

/// The thread of the first subscription to a connection, and the other ones
/// that subscriptions with several threads have.
fn wanted(config: &Config, threads: &Threads, name: &str) -> (Option<usize>, BTreeSet<usize>) {
    let subscriptions = config.subscriptions.iter().enumerate();
    let to_it = subscriptions.filter(|(_, it)| it.from == name);
    let places: Vec<_> = to_it.map(|(n, _)| threads.of(n)).collect();
    let first = places.first().map(|places| places[0]);
    let shared = places.iter().filter(|places| places.len() > 1);
    let others = shared.flat_map(|places| places.iter().copied());
    (first, others.filter(|it| Some(*it) != first).collect())
}

async fn opened_on(
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
        .expect("a thread that runs on")
        .map_err(failed(name))
}

fn failed(name: &str) -> impl Fn(OpenError) -> HostError {
    move |source| HostError::Connection {
        name: name.into(),
        source,
    }
}
