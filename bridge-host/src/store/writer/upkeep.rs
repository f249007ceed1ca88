//! What the writer does between groups: finds changes by other processes, runs checkpoints, and
//! removes settled messages.
//!
//! `schedule` has the times.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::Writer;
use super::bookkeeping::save_kept;
use super::schedule::{PAGE, POLL};
use crate::store::clock::now_ms;
use crate::store::database::{BUSY, data_version, in_transaction};
use crate::store::error::WriteFault;
use crate::store::file_watch::FileWatch;
use crate::store::retention::RetentionStep;

/// The interval between two rounds of retention.
const ROUND: Duration = Duration::from_secs(30);
/// The interval between two steps of a round while commands wait.
const BUSY_STEP: Duration = Duration::from_millis(100);
/// A checkpoint runs when about this many pages of 4 KiB were written.
const CHECKPOINT: u64 = 4000;
/// With more frames than this, a checkpoint waits for readers, because the WAL grows until they
/// end.
const RESTART: i64 = 16 * CHECKPOINT as i64;
/// How long a checkpoint waits for readers.
const READERS: Duration = Duration::from_millis(20);

impl Writer {
    pub(super) fn upkeep(&mut self) {
        let now = Instant::now();
        if now >= self.upkeep.poll_at {
            self.upkeep.poll_at = now + POLL;
            self.poll();
            self.recover();
            self.retry_refused();
        }
        let early = self.upkeep.pages > 0 && self.room.wants_checkpoint();
        if early || self.upkeep.pages >= CHECKPOINT {
            self.checkpoint();
        }
        if now >= self.upkeep.retain_at && !self.shared.is_poisoned() {
            self.retain(now);
        }
    }

    /// Checks the files, and whether another process changed the database.
    fn poll(&mut self) {
        if let Some(Err(why)) = self.presence.as_mut().map(FileWatch::check_head) {
            return self.shared.poison(&why);
        }
        match data_version(&self.conn) {
            Ok(version) if version != self.upkeep.data_version => {
                self.upkeep.data_version = version;
                // The other process wrote to the WAL, and leaves the checkpoint to this process.
                self.upkeep.pages += CHECKPOINT / 8;
                self.shared.changed_by_another_process();
            }
            Ok(_) => {}
            Err(error) => {
                self.fault(&error);
            }
        }
    }

    pub(super) fn checkpoint(&mut self) {
        self.upkeep.pages = 0;
        let passive = "PRAGMA wal_checkpoint(PASSIVE)";
        let moved = match checkpoint(&self.conn, passive) {
            Ok(frames) if frames > RESTART => {
                short_wait(&self.conn, "PRAGMA wal_checkpoint(RESTART)")
            }
            moved => moved,
        };
        match moved.map_err(|error| self.fault(&error)) {
            Ok(_) => self.checkpointed(),
            Err(WriteFault::Fatal(_)) => {}
            Err(WriteFault::Full(_)) if self.use_reserve() => {}
            Err(fault) => tracing::debug!("the WAL cannot be truncated now: {fault:?}"),
        }
    }

    /// Truncates the WAL, unless it is being read.
    pub(super) fn truncate(&mut self) {
        match short_wait(&self.conn, "PRAGMA wal_checkpoint(TRUNCATE)") {
            Ok(_) => self.checkpointed(),
            Err(error) => {
                self.fault(&error);
            }
        }
    }

    fn checkpointed(&mut self) {
        self.room.checkpointed();
        if let Some(presence) = &mut self.presence {
            presence.checkpointed();
        }
    }

    fn retain(&mut self, now: Instant) {
        let more_letters = self.drop_letters();
        let wait = match self.remove_settled(0) {
            Some(removed) => match removed.more {
                true if self.shared.queue.is_empty() => Duration::ZERO,
                true => BUSY_STEP,
                false if more_letters || self.return_space() => BUSY_STEP,
                false => ROUND,
            },
            None => POLL,
        };
        self.upkeep.retain_at = now + wait;
    }

    /// Runs one step of retention; removes `wanted` bytes of settled messages early.
    pub(super) fn remove_settled(&mut self, wanted: u64) -> Option<RetentionStep> {
        let (books, time) = (&mut self.books, now_ms());
        let step = in_transaction(&self.conn, |conn| {
            let removed = books.retainer.step(conn, time, books.kept, wanted)?;
            if removed.bytes > 0 {
                save_kept(conn, books.kept - removed.bytes)?;
            }
            Ok(removed)
        });
        match step {
            Ok(removed) => {
                self.books.kept -= removed.bytes;
                self.books.retainer.step_committed(removed);
                self.upkeep.pages += removed.bytes / PAGE;
                Some(removed)
            }
            Err(error) => {
                self.fault(&error);
                None
            }
        }
    }
}

/// Runs a checkpoint. Returns the number of frames in the WAL.
fn checkpoint(conn: &Connection, pragma: &str) -> rusqlite::Result<i64> {
    conn.query_row(pragma, [], |row| row.get(1))
}

/// Runs a checkpoint that waits for readers, but only briefly, because commands wait.
fn short_wait(conn: &Connection, pragma: &str) -> rusqlite::Result<i64> {
    conn.busy_timeout(READERS)?;
    let frames = checkpoint(conn, pragma);
    conn.busy_timeout(BUSY)?;
    frames
}
