//! What became of a delivery, written down: its row goes, is parked for a
//! retry, or becomes a dead letter.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, params};
use tokio::sync::oneshot;

use super::clock::{millis, wall_ms};
use super::error::StoreFailure;
use super::feed::Feed;
use super::kept_message::DeadLetter;
use super::ledger::Tally;

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Its exchange ended well.
    Delivered,
    /// A component chose to do nothing with it.
    Filtered,
    /// To be delivered again after this time, one attempt more on its count.
    Retry(Duration),
    /// Given up, and kept for someone to look at.
    DeadLetter(DeadLetter),
    /// Kept elsewhere, and delivered from there.
    Moved,
}

pub(super) struct SettleCommand {
    pub(super) feed: Arc<Feed>,
    pub(super) seq: i64,
    pub(super) settlement: Settlement,
    /// Someone waits for it to be durable.
    pub(super) reply: Option<oneshot::Sender<Result<(), StoreFailure>>>,
    /// How often it could not be written, though others could.
    pub(super) failures: u32,
}

impl SettleCommand {
    /// Writes it. A delivery that is gone already is left so: the settlement of
    /// a second, overlapping attempt changes nothing.
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
            // It is in the books of where it is now.
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
        // Set back, the clock must not stretch the time that it is tried for.
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

    /// When the message may be given again.
    fn due(&self, now: i64) -> i64 {
        match self.settlement {
            Settlement::Retry(after) => now.saturating_add(millis(after)).max(1),
            _ => 0,
        }
    }

    /// It is durable.
    pub(super) fn done(self, now: i64) {
        match self.settlement {
            Settlement::Retry(_) => self.feed.parked(self.seq, self.due(now)),
            Settlement::DeadLetter(_) | Settlement::Moved => self.feed.settled(self.seq, true),
            Settlement::Delivered | Settlement::Filtered => self.feed.settled(self.seq, false),
        }
        self.answer(Ok(()));
    }

    /// It cannot be written: the message comes again.
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
