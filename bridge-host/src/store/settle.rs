//! Writes how a delivery ended: deletes its row, parks it for a retry, or makes it a dead letter.
//!
//! `claim` queues the settlement.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, params};
use tokio::sync::oneshot;

use super::clock::{millis, wall_ms};
use super::error::StoreFailure;
use super::feed::Feed;
use super::kept_message::DeadLetter;
use super::ledger::Tally;

/// How a delivery ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Its exchange succeeded.
    Delivered,
    /// A component discarded the message on purpose.
    Filtered,
    /// The message is delivered again after this time, with one more attempt counted.
    Retry(Duration),
    /// The delivery failed permanently, and becomes a dead letter.
    DeadLetter(DeadLetter),
    /// The message is kept elsewhere, and delivered from there.
    Moved,
}

pub(super) struct SettleCommand {
    pub(super) feed: Arc<Feed>,
    pub(super) seq: i64,
    pub(super) settlement: Settlement,
    /// The receiver of the result, if a caller waits for it.
    pub(super) reply: Option<oneshot::Sender<Result<(), StoreFailure>>>,
    /// How often this settlement could not be written, although others could.
    pub(super) failures: u32,
}

impl SettleCommand {
    /// Writes the settlement. If the delivery does not exist, nothing changes: an overlapping
    /// attempt has settled it.
    pub(super) fn apply(
        &self,
        conn: &Connection,
        now: i64,
        tally: &mut Tally,
    ) -> rusqlite::Result<()> {
        match &self.settlement {
            Settlement::Delivered => tally.delivered += self.remove(conn)?,
            Settlement::Filtered => tally.filtered += self.remove(conn)?,
            Settlement::Retry(_) => self.park(conn, now)?,
            // The ledger of its new place counts it.
            Settlement::Moved => tally.accepted -= self.remove(conn)?,
            Settlement::DeadLetter(letter) => {
                let removed = self.remove(conn)?;
                if removed > 0 {
                    self.insert_dead_letter(conn, letter)?;
                }
                tally.dead_lettered += removed;
            }
        }
        Ok(())
    }

    fn remove(&self, conn: &Connection) -> rusqlite::Result<i64> {
        let mut delete =
            conn.prepare_cached("DELETE FROM deliveries WHERE sub = ?1 AND seq = ?2")?;
        Ok(delete.execute([self.feed.sub, self.seq])? as i64)
    }

    fn park(&self, conn: &Connection, now: i64) -> rusqlite::Result<()> {
        // If the clock was set back, the earlier time is kept.
        let mut update = conn.prepare_cached(
            "UPDATE deliveries SET attempts = attempts + 1, due = ?3,
                 first_attempt = min(coalesce(first_attempt, ?4), ?4) WHERE sub = ?1 AND seq = ?2",
        )?;
        update.execute([self.feed.sub, self.seq, self.due(now), now])?;
        Ok(())
    }

    fn insert_dead_letter(&self, conn: &Connection, letter: &DeadLetter) -> rusqlite::Result<()> {
        let mut insert = conn.prepare_cached(
            "INSERT INTO dead_letters (sub, seq, at, reason, status, attempts, backtrace, key)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        insert.execute(params![
            self.feed.sub,
            self.seq,
            wall_ms(),
            letter.reason,
            letter.status,
            letter.attempts,
            letter.backtrace,
            letter.key,
        ])?;
        Ok(())
    }

    /// Returns when the message is due again.
    fn due(&self, now: i64) -> i64 {
        match self.settlement {
            Settlement::Retry(after) => now.saturating_add(millis(after)).max(1),
            _ => 0,
        }
    }

    /// Called once the settlement is durable.
    pub(super) fn done(self, now: i64) {
        match self.settlement {
            Settlement::Retry(_) => self.feed.parked(self.seq, self.due(now)),
            Settlement::DeadLetter(_) | Settlement::Moved => self.feed.settled(self.seq, true),
            Settlement::Delivered | Settlement::Filtered => self.feed.settled(self.seq, false),
        }
        self.answer(Ok(()));
    }

    /// Called when the settlement cannot be written: the message is delivered again.
    pub(super) fn failed(self, error: StoreFailure) {
        let awaited = self.reply.is_some();
        self.feed.settlement_failed(self.seq, awaited);
        self.answer(Err(error));
    }

    fn answer(self, result: Result<(), StoreFailure>) {
        if let Some(reply) = self.reply {
            let _ = reply.send(result);
        }
    }
}
