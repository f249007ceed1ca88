//! Room on the disk. The reserve covers whatever a checkpoint has to add to
//! the database, so that what is committed can always be settled. On a full
//! disk messages are refused, the reserve serves the settlements, and settled
//! messages go before their time.

use std::time::{Duration, Instant};

use super::disk_space::{full_disk, pragma};
use super::{AGAIN, Writer};
use crate::store::database::vacuum;
use crate::store::error::{Failure, Fault};
use crate::store::publish::Publish;
use crate::store::settle::Settle;
use crate::store::shared::DISK;

/// This many free pages are kept for the next messages.
const FREE_PAGES: u64 = 1024;
/// How long pages may be moved in one step.
const VACUUM: Duration = Duration::from_millis(10);

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
