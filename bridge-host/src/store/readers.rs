//! The connections that read deliveries. All subscriptions share them.
//! `fetch` reads the rows.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::{Failure, Fault};
use super::rows::{Fetched, Plan};
use super::{database, fetch, quarantine};

/// Why a read failed.
pub(super) enum ReadError {
    /// The file cannot be opened.
    NotOpened(Failure),
    /// SQLite cannot read the rows. The database may be damaged.
    NotRead(rusqlite::Error),
}

/// How many connections all subscriptions have together, and threads that read:
/// one each would take 300 KB and two files for every idle subscription.
const CONNECTIONS: usize = 8;

/// The read connections of a broker, opened when they are first used.
pub(super) struct Readers {
    idle: Mutex<Vec<Connection>>,
    turns: Arc<Semaphore>,
}

/// The right to read now, on a thread that may block.
pub(super) type Turn = OwnedSemaphorePermit;

impl Readers {
    pub(super) fn new() -> Self {
        Self {
            idle: Mutex::default(),
            turns: Arc::new(Semaphore::new(CONNECTIONS)),
        }
    }

    /// A turn to read, if it need not be waited for.
    pub(super) fn turn_now(&self) -> Option<Turn> {
        self.turns.clone().try_acquire_owned().ok()
    }

    /// A turn to read; none where the broker is gone.
    pub(super) async fn turn(&self) -> Option<Turn> {
        self.turns.clone().acquire_owned().await.ok()
    }

    /// Reads what the plan says from the store in this folder. Blocks on the disk.
    pub(super) fn read(
        &self,
        _: Turn,
        folder: &Path,
        sub: i64,
        plan: &Plan,
    ) -> Result<Fetched, ReadError> {
        let idle = self.idle.lock().pop();
        let conn = match idle {
            Some(conn) => conn,
            None => database::open_existing(folder)
                .map_err(|error| ReadError::NotOpened(Failure::NotOpened(Arc::new(error))))?,
        };
        let fetched = match fetch::fetch(&conn, sub, plan) {
            Err(error) if quarantine::is_of_a_row(&error) => quarantine::fetch(&conn, sub, plan),
            fetched => fetched,
        };
        self.idle.lock().push(conn);
        fetched.map_err(ReadError::NotRead)
    }
}
