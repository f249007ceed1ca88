//! Room on the disk. The reserve covers whatever a checkpoint has to add to
//! the database, so that what is committed can always be settled. On a full
//! disk messages are refused, the reserve serves the settlements, and settled
//! messages go before their time.

use std::time::{Duration, Instant};

use super::disk_space::{full_disk, pragma};
use super::{RETRY_AFTER, Writer};
use crate::store::database::vacuum;
use crate::store::error::{StoreFailure, WriteFault};
use crate::store::publish::PublishCommand;
use crate::store::settle::SettleCommand;
use crate::store::state::DISK;

/// This many free pages are kept for the next messages.
const FREE_PAGES: u64 = 1024;
/// How long pages may be moved in one step.
const VACUUM: Duration = Duration::from_millis(10);

impl Writer {
    /// Refuses messages while the disk is full.
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

    /// There is no writing for now, whatever it is: trying each alone would
    /// only take as long again for each. On a full disk settlements alone find
    /// the room that messages did not, or the reserve makes it.
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

    /// Gives up the reserve, where there is one, and moves the WAL with it.
    pub(super) fn use_reserve(&mut self) -> bool {
        let given_up = self.room.give_up();
        if given_up {
            self.checkpoint();
        }
        given_up
    }

    /// Keeps settlements until they can be written; meanwhile nothing is given.
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
