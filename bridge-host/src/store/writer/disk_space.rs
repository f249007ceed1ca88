//! The space on the disk: the reserve covers what a checkpoint has to add to the database.
//!
//! `full_disk` says what the writer does when the disk is full.

use std::path::PathBuf;

use rusqlite::{Connection, ffi};

use crate::store::database::file;
use crate::store::disk_reserve::{Reserve, is_full};
use crate::store::error::StoreFailure;
use crate::store::state::{DISK, StoreState};

/// The fraction of the reserve for what settlements add to the WAL.
const SLACK: u64 = 4;
/// The space on the disk, as the writer knows it.
pub(super) struct DiskSpace {
    database: PathBuf,
    /// `None` if the disk does not allow a file of this size.
    reserve: Option<Reserve>,
    /// Whether the disk is full: messages are refused.
    pub(super) low: bool,
    /// Whether free pages are being moved.
    pub(super) shrinking: bool,
    /// What the next checkpoint adds to the database, in bytes.
    growth: u64,
}

impl DiskSpace {
    pub(super) fn new(shared: &StoreState, reserve: Option<Reserve>) -> Self {
        let mut room = Self {
            database: file(&shared.folder),
            reserve,
            low: false,
            shrinking: false,
            growth: 0,
        };
        let size = room.size();
        match room.reserve.as_mut().map(|it| it.take(size)) {
            Some(Err(error)) if is_full(&error) => room.run_out(shared),
            Some(Err(_)) => room.reserve = None,
            Some(Ok(())) | None => {}
        }
        room
    }

    /// Ensures within a transaction that the reserve covers what the transaction adds to the
    /// database.
    pub(super) fn cover(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        let Some(reserve) = &mut self.reserve else {
            return Ok(());
        };
        let pages: u64 = pragma(conn, "PRAGMA page_count")?;
        let page: u64 = pragma(conn, "PRAGMA page_size")?;
        let there = std::fs::metadata(&self.database).map_or(0, |it| it.len());
        self.growth = (pages * page).saturating_sub(there);
        let slack = reserve.size() / SLACK;
        match reserve.take(self.growth + slack) {
            Err(error) if is_full(&error) => Err(full()),
            // The disk does not allow such a file, so there is no reserve.
            Err(_) => {
                self.reserve = None;
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Returns whether a checkpoint should run now, while the reserve covers it.
    pub(super) fn wants_checkpoint(&self) -> bool {
        let reserve = self.reserve.as_ref();
        self.low || reserve.is_some_and(|it| self.growth > it.size() / SLACK)
    }

    /// Records that a checkpoint ran.
    pub(super) fn checkpointed(&mut self) {
        self.growth = 0;
        if let Some(reserve) = &mut self.reserve {
            reserve.shrink();
        }
    }

    pub(super) fn give_up(&mut self) -> bool {
        self.reserve.as_mut().is_some_and(Reserve::give_up)
    }

    /// Returns whether there is room for one and a half times the reserve.
    pub(super) fn is_ample(&mut self) -> bool {
        let Some(reserve) = &mut self.reserve else {
            return true;
        };
        let ample = reserve.take(reserve.size() + reserve.size() / 2);
        reserve.shrink();
        ample.is_ok()
    }

    pub(super) fn size(&self) -> u64 {
        self.reserve.as_ref().map_or(0, Reserve::size)
    }

    pub(super) fn run_out(&mut self, shared: &StoreState) {
        self.low = true;
        let full = full_disk(shared);
        let what = format!("{full}. Messages are refused; deliveries go on and are settled");
        shared.troubles.raise(DISK, what);
    }
}

pub(super) fn pragma(conn: &Connection, sql: &str) -> rusqlite::Result<u64> {
    conn.prepare_cached(sql)?.query_row([], |row| row.get(0))
}

/// Returns the error of SQLite for a full disk.
fn full() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_FULL), None)
}

pub(super) fn full_disk(shared: &StoreState) -> StoreFailure {
    StoreFailure::DiskFull(shared.folder.clone())
}
