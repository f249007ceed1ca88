//! The connections that read deliveries, shared by all subscriptions.
//!
//! `read_batch` reads the rows.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::delivery_row::{FetchedRows, ReadPlan};
use super::error::StoreFailure;
use super::{database, quarantine, read_batch};

/// Why a read failed.
pub(super) enum ReadError {
    /// The file cannot be opened.
    NotOpened(StoreFailure),
    /// SQLite cannot read the rows. The database may be damaged.
    NotRead(rusqlite::Error),
}

/// The most connections, and threads that read. A connection for each subscription would take 300
/// KB and two file descriptors.
const CONNECTIONS: usize = 8;

/// The read connections of a store, opened on first use.
pub(super) struct ReadConnections {
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

/// A permit to read on a blocking thread.
pub(super) type ReadPermit = OwnedSemaphorePermit;

impl ReadConnections {
    pub(super) fn new() -> Self {
        Self {
            idle: Mutex::default(),
            permits: Arc::new(Semaphore::new(CONNECTIONS)),
        }
    }

    /// Returns a permit if one is free.
    pub(super) fn try_acquire(&self) -> Option<ReadPermit> {
        self.permits.clone().try_acquire_owned().ok()
    }

    /// Waits for a permit. Returns `None` if the store is gone.
    pub(super) async fn acquire(&self) -> Option<ReadPermit> {
        self.permits.clone().acquire_owned().await.ok()
    }

    /// Runs the plan on the store in this folder. Blocks on disk I/O.
    pub(super) fn read(
        &self,
        _: ReadPermit,
        folder: &Path,
        sub: i64,
        plan: &ReadPlan,
    ) -> Result<FetchedRows, ReadError> {
        let idle = self.idle.lock().pop();
        let conn = match idle {
            Some(conn) => conn,
            None => database::open_existing(folder)
                .map_err(|error| ReadError::NotOpened(StoreFailure::NotOpened(Arc::new(error))))?,
        };
        let fetched = match read_batch::fetch(&conn, sub, plan) {
            Err(error) if quarantine::is_row_error(&error) => quarantine::fetch(&conn, sub, plan),
            fetched => fetched,
        };
        self.idle.lock().push(conn);
        fetched.map_err(ReadError::NotRead)
    }
}
