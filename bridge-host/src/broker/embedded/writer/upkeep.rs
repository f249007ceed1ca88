//! What the writer does between groups: looks whether another process changed
//! something, moves the WAL into the database, and removes what is settled.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::Writer;
use super::group::save_kept;
use crate::broker::embedded::error::Fault;
use crate::broker::embedded::publish::Publish;
use crate::broker::embedded::store::{data_version, in_transaction, now_ms};

const POLL: Duration = Duration::from_secs(1);
/// Between two rounds of retention.
const ROUND: Duration = Duration::from_secs(30);
/// Between two steps of a round while others wait for the writer.
const BUSY_STEP: Duration = Duration::from_millis(100);
/// The WAL is moved when about this many pages of 4 KiB were written to it.
const CHECKPOINT: u64 = 4000;
/// With so many, readers are waited for, as the WAL only grows until they go.
const RESTART: i64 = 16 * CHECKPOINT as i64;
const PAGE: u64 = 4096;

pub(super) struct Upkeep {
    data_version: i64,
    poll_at: Instant,
    retain_at: Instant,
    /// Pages written since the last checkpoint, roughly.
    pages: u64,
}

impl Upkeep {
    pub(super) fn new(data_version: i64) -> Self {
        let now = Instant::now();
        Self {
            data_version,
            poll_at: now + POLL,
            retain_at: now,
            pages: 0,
        }
    }

    pub(super) fn next_at(&self) -> Instant {
        self.poll_at.min(self.retain_at)
    }

    /// There is no room: what may go should go now.
    pub(super) fn retain_soon(&mut self) {
        self.retain_at = self.retain_at.min(Instant::now() + POLL);
    }

    /// A group was committed.
    pub(super) fn wrote(&mut self, publishes: &[Publish], settles: usize) {
        let data: u64 = publishes.iter().map(|p| 1 + p.size() / PAGE).sum();
        self.pages += 4 + data + settles as u64 / 64;
    }
}

impl Writer {
    pub(super) fn upkeep(&mut self) {
        let now = Instant::now();
        if now >= self.upkeep.poll_at {
            self.upkeep.poll_at = now + POLL;
            self.poll();
        }
        if self.upkeep.pages >= CHECKPOINT {
            self.checkpoint();
        }
        if now >= self.upkeep.retain_at && !self.shared.is_poisoned() {
            self.retain(now);
        }
    }

    /// Another process replays and drops dead letters.
    fn poll(&mut self) {
        match data_version(&self.conn) {
            Ok(version) if version != self.upkeep.data_version => {
                self.upkeep.data_version = version;
                self.shared.changed_elsewhere();
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
                checkpoint(&self.conn, "PRAGMA wal_checkpoint(RESTART)")
            }
            moved => moved,
        };
        if let Err(error) = moved {
            match self.fault(&error) {
                Fault::Fatal(_) => {}
                fault => tracing::debug!("the WAL stays as it is for now: {fault:?}"),
            }
        }
    }

    fn retain(&mut self, now: Instant) {
        let (books, time) = (&mut self.books, now_ms());
        let step = in_transaction(&self.conn, |conn| {
            let removed = books.retainer.step(conn, time, books.kept)?;
            if removed.bytes > 0 {
                save_kept(conn, books.kept - removed.bytes)?;
            }
            Ok(removed)
        });
        let wait = match step {
            Ok(removed) => {
                self.books.kept -= removed.bytes;
                self.books.retainer.stepped(removed);
                self.upkeep.pages += removed.bytes / PAGE;
                match removed.more {
                    true if self.shared.queue.is_empty() => Duration::ZERO,
                    true => BUSY_STEP,
                    false => ROUND,
                }
            }
            Err(error) => {
                self.fault(&error);
                POLL
            }
        };
        self.upkeep.retain_at = now + wait;
    }
}

/// How many frames the WAL has.
fn checkpoint(conn: &Connection, pragma: &str) -> rusqlite::Result<i64> {
    conn.query_row(pragma, [], |row| row.get(1))
}
