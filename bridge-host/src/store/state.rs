//! The state that the store shares with its writer, its members and its claims: the queue, the
//! feeds, and whether the files can be trusted.
//!
//! `writer` changes it after failures.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::delivery_row::{FetchedRows, ReadPlan};
use super::error::{StoreFailure, WriteFault};
use super::feed::Feed;
use super::queue::Queue;
use super::read_connections::{ReadConnections, ReadError, ReadPermit};
use crate::trouble::Troubles;

/// The disk is full.
pub(super) const DISK: &str = "disk";
/// The store has reached its `max_size`, and no message can be removed.
pub(super) const RETENTION: &str = "retention";
/// A stored row cannot be read.
const DAMAGE: &str = "damage";
/// Settlements cannot be written.
const SETTLEMENTS: &str = "settlements";

pub(super) struct StoreState {
    pub(super) queue: Queue,
    pub(super) folder: PathBuf,
    pub(super) readers: ReadConnections,
    /// Why the store neither takes nor delivers messages. Never cleared.
    poison: OnceLock<StoreFailure>,
    /// Why the store takes no messages, but delivers those that can be read. Never cleared.
    damage: OnceLock<StoreFailure>,
    /// Temporary troubles.
    pub(super) troubles: Troubles,
    /// Whether settlements wait to be written. No message is delivered meanwhile.
    stalled: AtomicBool,
    feeds: Mutex<Vec<Arc<Feed>>>,
}

impl StoreState {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            queue: Queue::new(),
            readers: ReadConnections::new(),
            folder,
            poison: OnceLock::new(),
            damage: OnceLock::new(),
            troubles: Troubles::default(),
            stalled: AtomicBool::new(false),
            feeds: Mutex::new(Vec::new()),
        }
    }

    /// Returns an error if the store has failed or is closed.
    pub(super) fn check(&self) -> Result<(), StoreFailure> {
        match self.poison.get() {
            Some(stopped) => Err(stopped.clone()),
            None if self.queue.is_closed() => Err(StoreFailure::Closed),
            None => Ok(()),
        }
    }

    /// Returns an error if the store takes no messages.
    pub(super) fn check_intake(&self) -> Result<(), StoreFailure> {
        self.check()?;
        match self.damage.get() {
            Some(damaged) => Err(damaged.clone()),
            None => Ok(()),
        }
    }

    /// Records that the database is damaged: the store takes no more messages.
    pub(super) fn damaged(&self, why: &str) {
        let damaged = StoreFailure::Damaged {
            folder: self.folder.clone(),
            why: why.into(),
        };
        let text = damaged.to_string();
        if self.damage.set(damaged).is_ok() {
            self.troubles.raise(DAMAGE, text);
        }
    }

    /// Stops the store. After a failed sync the state of the disk is unknown, until a restart reads
    /// it.
    pub(super) fn poison(&self, why: &str) {
        let stopped = StoreFailure::Stopped {
            folder: self.folder.clone(),
            why: why.into(),
        };
        let text = stopped.to_string();
        if self.poison.set(stopped).is_ok() {
            tracing::error!("{text}");
        }
        self.wake_feeds();
    }

    /// Records that settlements cannot be written now.
    pub(super) fn stall(&self, what: String) {
        self.stalled.store(true, Relaxed);
        self.troubles.raise(SETTLEMENTS, what);
    }

    /// Records that settlements are written again.
    pub(super) fn resume(&self) {
        if self.stalled.swap(false, Relaxed) {
            self.troubles.clear(SETTLEMENTS);
            self.wake_feeds();
        }
    }

    pub(super) fn is_stalled(&self) -> bool {
        self.stalled.load(Relaxed)
    }

    /// Returns in one line why the store does not take or deliver messages now.
    pub(super) fn trouble(&self) -> Option<String> {
        let failed = self.check().err().map(|error| error.to_string());
        failed.or_else(|| self.troubles.summary())
    }

    pub(super) fn is_poisoned(&self) -> bool {
        self.poison.get().is_some()
    }

    /// Runs a read. Blocks on disk I/O.
    pub(super) fn read(
        &self,
        permit: ReadPermit,
        sub: i64,
        plan: &ReadPlan,
    ) -> Result<FetchedRows, StoreFailure> {
        let read = self.readers.read(permit, &self.folder, sub, plan);
        read.map_err(|error| match error {
            ReadError::NotOpened(failure) => failure,
            ReadError::NotRead(error) => {
                if matches!(WriteFault::of(&error), WriteFault::Fatal(_)) {
                    self.damaged(&error.to_string());
                }
                StoreFailure::NotRead {
                    folder: self.folder.clone(),
                    why: error.to_string(),
                }
            }
        })
    }

    pub(super) fn add_feed(&self, feed: Arc<Feed>) {
        self.feeds.lock().push(feed);
    }

    pub(super) fn is_joined(&self, name: &str) -> bool {
        self.feeds.lock().iter().any(|feed| feed.is_joined(name))
    }

    /// Records that another process changed the database.
    pub(super) fn changed_by_another_process(&self) {
        for feed in self.feeds.lock().iter() {
            feed.changed_by_another_process();
        }
    }

    pub(super) fn close(&self) {
        self.queue.close();
        self.wake_feeds();
    }

    fn wake_feeds(&self) {
        for feed in self.feeds.lock().iter() {
            feed.changed.notify_waiters();
        }
    }
}

/// Waits for the writer's answer to a command.
pub(super) async fn answer<T>(
    from: oneshot::Receiver<Result<T, StoreFailure>>,
) -> Result<T, StoreFailure> {
    from.await.unwrap_or(Err(StoreFailure::Closed))
}
