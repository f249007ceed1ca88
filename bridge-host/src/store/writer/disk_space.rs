//! The space on the disk: the reserve covers what a checkpoint has to add to the database.
//! `full_disk` says what the writer does when the disk is full.

use std::path::PathBuf;

use rusqlite::{Connection, ffi};

use crate::store::database::file;
use crate::store::disk_reserve::{Reserve, is_full};
use crate::store::error::StoreFailure;
use crate::store::state::{DISK, StoreState};

/// One part in this many of the reserve is for what settlements write ahead.
const SLACK: u64 = 4;
/// The room on the disk as the writer sees it.
pub(super) struct DiskSpace {
    database: PathBuf,
    /// None where the disk grants no file of this size.
    reserve: Option<Reserve>,
    /// The disk is full: messages are refused until it is not.
    pub(super) low: bool,
    /// Free pages are being moved: all of them are.
    pub(super) shrinking: bool,
    /// What the last checkpoint left to add to the database, in bytes.
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

    /// Within a transaction: whether what it adds to the database is covered.
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
            // A disk that grants no such file: it has no reserve.
            Err(_) => {
                self.reserve = None;
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Whether the database should grow now, while the reserve covers it.
    pub(super) fn wants_checkpoint(&self) -> bool {
        let reserve = self.reserve.as_ref();
        self.low || reserve.is_some_and(|it| self.growth > it.size() / SLACK)
    }

    /// What was written ahead is in the database.
    pub(super) fn checkpointed(&mut self) {
        self.growth = 0;
        if let Some(reserve) = &mut self.reserve {
            reserve.shrink();
        }
    }

    pub(super) fn give_up(&mut self) -> bool {
        self.reserve.as_mut().is_some_and(Reserve::give_up)
    }

    /// Whether there is room for the reserve and half as much again.
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

/// What SQLite says when there is no room.
fn full() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_FULL), None)
}

pub(super) fn full_disk(shared: &StoreState) -> StoreFailure {
    StoreFailure::DiskFull(shared.folder.clone())
}
