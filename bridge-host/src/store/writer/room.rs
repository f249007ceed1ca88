//! Room on the disk. The reserve covers whatever a checkpoint has to add to
//! the database, so that what is committed can always be settled. On a full
//! disk messages are refused, the reserve serves the settlements, and settled
//! messages go before their time.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ffi};

use super::{AGAIN, Writer};
use crate::store::database::{file, vacuum};
use crate::store::error::{Failure, Fault};
use crate::store::publish::Publish;
use crate::store::reserve::{Reserve, is_full};
use crate::store::settle::Settle;
use crate::store::shared::{DISK, Shared};

/// One part in this many of the reserve is for what settlements write ahead.
const SLACK: u64 = 4;
/// This many free pages are kept for the next messages.
const FREE_PAGES: u64 = 1024;
/// How long pages may be moved in one step.
const VACUUM: Duration = Duration::from_millis(10);

/// The room on the disk as the writer sees it.
pub(super) struct Room {
    database: PathBuf,
    /// None where the disk grants no file of this size.
    reserve: Option<Reserve>,
    /// The disk is full: messages are refused until it is not.
    pub(super) low: bool,
    /// Free pages are being moved: all of them are.
    shrinking: bool,
    /// What the last checkpoint left to add to the database, in bytes.
    growth: u64,
}

impl Room {
    pub(super) fn new(shared: &Shared, reserve: Option<Reserve>) -> Self {
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

    fn give_up(&mut self) -> bool {
        self.reserve.as_mut().is_some_and(Reserve::give_up)
    }

    /// Whether there is room for the reserve and half as much again.
    fn is_ample(&mut self) -> bool {
        let Some(reserve) = &mut self.reserve else {
            return true;
        };
        let ample = reserve.take(reserve.size() + reserve.size() / 2);
        reserve.shrink();
        ample.is_ok()
    }

    fn size(&self) -> u64 {
        self.reserve.as_ref().map_or(0, Reserve::size)
    }

    fn run_out(&mut self, shared: &Shared) {
        self.low = true;
        let full = full_disk(shared);
        let what = format!("{full}. Messages are refused; deliveries go on and are settled");
        shared.troubles.raise(DISK, what);
    }
}

impl Writer {
    /// Refuses messages while the disk is full.
    pub(super) fn admit(&self, publishes: Vec<Publish>) -> Vec<Publish> {
        if !self.room.low {
            return publishes;
        }
        for publish in publishes {
            publish.answer(Err(self.full_disk()));
        }
        Vec::new()
    }

    pub(super) fn full_disk(&self) -> Failure {
        full_disk(&self.shared)
    }

    /// There is no writing for now, whatever it is: trying each alone would
    /// only take as long again for each. On a full disk settlements alone find
    /// the room that messages did not, or the reserve makes it.
    pub(super) fn hold_up(&mut self, publishes: Vec<Publish>, settles: Vec<Settle>, fault: &Fault) {
        let full = matches!(fault, Fault::Full(_));
        let alone = publishes.is_empty();
        for publish in publishes {
            publish.answer(Err(fault.for_caller()));
        }
        if full && !self.room.low && !self.room.is_ample() {
            self.room.run_out(&self.shared);
            self.upkeep.poll_soon();
        }
        if settles.is_empty() {
            return;
        }
        if full && (!alone || self.use_reserve()) {
            return self.write(Vec::new(), settles);
        }
        self.put_off(settles, fault);
    }

    /// Gives up the reserve, where there is one, and moves the WAL with it.
    pub(super) fn use_reserve(&mut self) -> bool {
        let given_up = self.room.give_up();
        if given_up {
            self.checkpoint();
        }
        given_up
    }

    /// Keeps settlements until they can be written; meanwhile nothing is given.
    fn put_off(&mut self, settles: Vec<Settle>, fault: &Fault) {
        let what = format!(
            "settlements wait until the embedded broker in {} can write: {}",
            self.shared.folder.display(),
            fault.for_caller()
        );
        self.shared.stall(what);
        self.backlog.extend(settles);
        self.again_at = Instant::now() + AGAIN;
        if matches!(fault, Fault::Full(_)) {
            self.checkpoint();
        }
    }

    /// Looks whether the disk has room again, and makes some.
    pub(super) fn recover(&mut self) {
        if !self.room.low {
            return;
        }
        if self.backlog.is_empty() && self.room.is_ample() {
            self.room.low = false;
            return self.shared.troubles.clear(DISK);
        }
        let wanted = 2 * self.room.size();
        self.remove_settled(wanted);
        self.vacuum();
        self.truncate();
    }

    /// Gives back space where a good part of the database is free. Returns
    /// whether there is more to move.
    pub(super) fn gives_space_back(&mut self) -> bool {
        let count = |sql| pragma(&self.conn, sql).unwrap_or_default();
        let free = count("PRAGMA freelist_count");
        let much = free > FREE_PAGES && free > count("PRAGMA page_count") / 4;
        if !much && !self.room.shrinking {
            return false;
        }
        let more = self.vacuum();
        self.room.shrinking = more;
        if !more {
            self.checkpoint();
        }
        more
    }

    /// Moves free pages to the end of the database, which the next checkpoint
    /// cuts off. Returns whether there are more.
    pub(super) fn vacuum(&mut self) -> bool {
        match vacuum(&self.conn, VACUUM) {
            Ok(more) => more,
            Err(error) => {
                self.fault(&error);
                false
            }
        }
    }
}

fn pragma(conn: &Connection, sql: &str) -> rusqlite::Result<u64> {
    conn.prepare_cached(sql)?.query_row([], |row| row.get(0))
}

/// What SQLite says when there is no room.
fn full() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_FULL), None)
}

fn full_disk(shared: &Shared) -> Failure {
    Failure::DiskFull(shared.folder.clone())
}
