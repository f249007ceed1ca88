//! What the writer does when the disk is full: it refuses messages, writes settlements with the
//! help of the reserve, and removes settled messages early. The reserve covers what a checkpoint
//! adds to the database, so committed messages can always be settled.
//!
//! `disk_space` measures the space.

use std::time::{Duration, Instant};

use super::disk_space::{full_disk, pragma};
use super::{RETRY_AFTER, Writer};
use crate::store::database::vacuum;
use crate::store::error::{StoreFailure, WriteFault};
use crate::store::publish::PublishCommand;
use crate::store::settle::SettleCommand;
use crate::store::state::DISK;

/// The free pages that are kept for the next messages.
const FREE_PAGES: u64 = 1024;
/// The longest time for moving pages in one step.
const VACUUM: Duration = Duration::from_millis(10);

impl Writer {
    /// Returns the messages to write; refuses all of them while the disk is full.
    pub(super) fn admit(&self, publishes: Vec<PublishCommand>) -> Vec<PublishCommand> {
        if !self.room.low {
            return publishes;
        }
        for publish in publishes {
            publish.answer(Err(self.full_disk()));
        }
        Vec::new()
    }

    pub(super) fn full_disk(&self) -> StoreFailure {
        full_disk(&self.shared)
    }

    /// Handles a write that failed as a whole. Writing each command alone would fail as well. On a
    /// full disk, settlements alone may fit, or fit once the reserve is released.
    pub(super) fn write_failed(
        &mut self,
        publishes: Vec<PublishCommand>,
        settles: Vec<SettleCommand>,
        fault: &WriteFault,
    ) {
        let full = matches!(fault, WriteFault::Full(_));
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
        self.postpone(settles, fault);
    }

    /// Releases the reserve, and runs a checkpoint with its space. Returns whether there was a
    /// reserve.
    pub(super) fn use_reserve(&mut self) -> bool {
        let given_up = self.room.give_up();
        if given_up {
            self.checkpoint();
        }
        given_up
    }

    /// Keeps settlements until they can be written. No message is delivered meanwhile.
    fn postpone(&mut self, settles: Vec<SettleCommand>, fault: &WriteFault) {
        let what = format!(
            "settlements wait until the embedded broker in {} can write: {}",
            self.shared.folder.display(),
            fault.for_caller()
        );
        self.shared.stall(what);
        self.backlog.extend(settles);
        self.retry_at = Instant::now() + RETRY_AFTER;
        if matches!(fault, WriteFault::Full(_)) {
            self.checkpoint();
        }
    }

    /// Checks whether the disk has room again, and frees space.
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

    /// Returns space to the file system if a large part of the database is free. Returns whether
    /// there is more to move.
    pub(super) fn return_space(&mut self) -> bool {
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

    /// Moves free pages to the end of the database, which the next checkpoint removes. Returns
    /// whether there are more.
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
