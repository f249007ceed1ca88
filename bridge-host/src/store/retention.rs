//! Removes settled messages, oldest first, in steps that fit between two transactions of the
//! writer.
//!
//! `writer` runs the steps.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::clock::millis;
use super::settings::Retention;

/// The bytes that a message takes beside its data: its rows and index entries.
const ROWS: u64 = 256;
/// A message larger than this has pages for itself.
const IN_A_PAGE: u64 = 3072;
const PAGE: u64 = 4096;

/// Returns the space that a message of this size takes in the database, in bytes.
pub(super) fn stored_size(size: u64) -> u64 {
    match size {
        0..=IN_A_PAGE => size + ROWS,
        _ => size.next_multiple_of(PAGE) + ROWS,
    }
}

/// The most rows and bytes that one step examines and removes. Removing reads the pages.
const STEP_ROWS: usize = 2048;
const STEP_BYTES: u64 = 32 << 20;
/// The most steps that one publish makes when the store has reached its size limit.
const SEARCH_STEPS: usize = 8;
/// The longest time for one step, because publishers wait meanwhile.
const STEP_TIME: Duration = Duration::from_millis(15);
/// The ids that are removed in one statement.
const FORGOTTEN: usize = 256;
/// A message dated further ahead than this comes from a clock that was wrong, in milliseconds.
const AHEAD: i64 = 60_000;

pub(super) struct Retainer {
    settings: Retention,
    deduplication_window: i64,
    /// Messages up to this number were examined in this round.
    after: i64,
    /// Messages up to this number were examined for publishing at the size limit.
    searched: i64,
    /// Whether the search has found no settled message since it began at the first one.
    search_failed: bool,
    /// Whether the last search found no settled message.
    none_settled: bool,
}

/// The result of a step.
#[derive(Clone, Copy, Default)]
pub(super) struct RetentionStep {
    pub(super) bytes: u64,
    /// Whether there is more to examine.
    pub(super) more: bool,
    reached: i64,
}

impl Retainer {
    pub(super) fn new(settings: Retention, deduplication_window: i64) -> Self {
        Self {
            settings,
            deduplication_window,
            after: 0,
            searched: 0,
            search_failed: false,
            none_settled: false,
        }
    }

    /// Returns the time before which ids are removed.
    pub(super) fn window_start(&self, now: i64) -> i64 {
        now.saturating_sub(self.deduplication_window)
    }

    /// Returns how many bytes must be removed before `size` bytes fit beside `kept` bytes.
    pub(super) fn excess(&self, kept: u64, size: u64) -> u64 {
        (kept + size).saturating_sub(self.settings.max_size)
    }

    pub(super) fn max_size(&self) -> u64 {
        self.settings.max_size
    }

    /// Returns whether the last complete search found no settled message. With many messages a
    /// search ends early.
    pub(super) fn none_settled(&self) -> bool {
        self.none_settled
    }

    /// Records that messages were settled, so that a search can succeed.
    pub(super) fn settled_some(&mut self) {
        self.search_failed = false;
        self.none_settled = false;
    }

    /// Records that the transaction with the removals was rolled back.
    pub(super) fn rolled_back(&mut self) {
        self.searched = 0;
        self.settled_some();
    }

    /// Runs one step of a round: removes messages that are too old, messages beyond the size limit,
    /// and `wanted` bytes more. After the last step, the next one begins a new round.
    pub(super) fn step(
        &mut self,
        conn: &Connection,
        now: i64,
        kept: u64,
        wanted: u64,
    ) -> rusqlite::Result<RetentionStep> {
        let cutoff = now.saturating_sub(millis(self.settings.max_age));
        let excess = self.excess(kept, 0).max(wanted);
        let ahead = now.saturating_add(AHEAD);
        let goes = |published_at: i64, gone: u64| {
            published_at < cutoff || published_at > ahead || gone < excess
        };
        let began = Instant::now();
        let removed = remove_settled(conn, self.after, goes)?;
        let more = self.forget_ids(conn, now, began)?;
        Ok(RetentionStep {
            more: removed.more || more,
            ..removed
        })
    }

    /// Removes ids from before the deduplication window. Returns whether there are more.
    fn forget_ids(&self, conn: &Connection, now: i64, began: Instant) -> rusqlite::Result<bool> {
        let mut forget = conn.prepare_cached(
            "DELETE FROM recent_ids WHERE (topic, id) IN
                 (SELECT topic, id FROM recent_ids WHERE at <= ?1 ORDER BY at LIMIT ?2)",
        )?;
        let window_start = self.window_start(now);
        while forget.execute([window_start, FORGOTTEN as i64])? == FORGOTTEN {
            if began.elapsed() >= STEP_TIME {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Records that the step was committed.
    pub(super) fn step_committed(&mut self, removed: RetentionStep) {
        self.after = if removed.more { removed.reached } else { 0 };
    }

    /// Removes the oldest settled messages until `excess` bytes are removed. Returns the removed
    /// bytes. Continues where the last search ended.
    pub(super) fn make_room(&mut self, conn: &Connection, excess: u64) -> rusqlite::Result<u64> {
        let (mut gone, began) = (0, Instant::now());
        for _ in 0..SEARCH_STEPS {
            if gone >= excess || self.none_settled || began.elapsed() >= STEP_TIME {
                break;
            }
            self.search_failed |= self.searched == 0;
            let missing = excess - gone;
            let removed = remove_settled(conn, self.searched, |_, gone| gone < missing)?;
            gone += removed.bytes;
            self.searched = removed.reached;
            self.search_failed &= removed.bytes == 0;
            if !removed.more && gone < excess {
                self.searched = 0;
                self.none_settled = self.search_failed;
            }
        }
        Ok(gone)
    }
}

/// Examines messages after `after` while `goes` returns `true`, and removes those that are settled.
/// `goes` takes the time of publication and the bytes removed so far.
fn remove_settled(
    conn: &Connection,
    after: i64,
    goes: impl Fn(i64, u64) -> bool,
) -> rusqlite::Result<RetentionStep> {
    let mut select = conn.prepare_cached(
        "SELECT seq, size, published_at,
             EXISTS (SELECT 1 FROM subscriptions s CROSS JOIN deliveries d
                     ON d.sub = s.sub AND d.seq = m.seq)
             OR EXISTS (SELECT 1 FROM dead_letters l WHERE l.seq = m.seq)
         FROM messages m WHERE seq > ?1 ORDER BY seq",
    )?;
    let mut delete = conn.prepare_cached("DELETE FROM messages WHERE seq = ?1")?;
    let (mut settled, mut removed) = (Vec::new(), RetentionStep::default());
    removed.reached = after;
    let (mut looked_at, mut found, began) = (0, 0, Instant::now());
    let mut rows = select.query([after])?;
    while let Some(row) = rows.next()? {
        if !goes(row.get(2)?, found) {
            break;
        }
        let enough = looked_at == STEP_ROWS || found >= STEP_BYTES;
        // At least one message is examined. Half of the time is for removing.
        if enough || looked_at > 0 && began.elapsed() >= STEP_TIME / 2 {
            removed.more = true;
            break;
        }
        looked_at += 1;
        removed.reached = row.get(0)?;
        if !row.get::<_, bool>(3)? {
            let takes = stored_size(row.get(1)?);
            settled.push((removed.reached, takes));
            found += takes;
        }
    }
    drop(rows);
    let count = settled.len();
    for (n, (seq, takes)) in settled.into_iter().enumerate() {
        delete.execute([seq])?;
        removed.bytes += takes;
        if n + 1 < count && began.elapsed() >= STEP_TIME {
            removed.reached = seq;
            removed.more = true;
            break;
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::database::create;
    use crate::store::settings::LetterRetention;

    /// Examining messages of a thousand subscriptions takes long: the step ends early, and the next
    /// step continues.
    #[test]
    fn a_step_is_short_with_a_thousand_subscriptions() {
        let conn = Connection::open_in_memory().unwrap();
        create(&conn).unwrap();
        conn.execute_batch(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1000)
             INSERT INTO subscriptions (name, topics, ordered) SELECT n, '[]', 0 FROM n;
             WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 6000)
             INSERT INTO messages SELECT n, n, 'a', NULL, NULL, 0, 1, x'' FROM n;
             INSERT INTO deliveries (sub, seq, attempts, due) SELECT 1000, seq, 0, 0 FROM messages
                 WHERE seq % 2 = 0;",
        )
        .unwrap();
        let settings = Retention {
            max_age: Duration::ZERO,
            max_size: u64::MAX,
            dead_letters: LetterRetention::default(),
        };
        let mut retainer = Retainer::new(settings, 0);
        let (mut steps, mut gone) = (Vec::new(), 0);
        loop {
            let began = Instant::now();
            let removed = retainer.step(&conn, 1, 0, 0).unwrap();
            steps.push(began.elapsed());
            gone += removed.bytes;
            retainer.step_committed(removed);
            if !removed.more {
                break;
            }
        }
        assert_eq!(gone, 3000 * stored_size(1));
        steps.sort();
        let median = steps[steps.len() / 2];
        assert!(median < 2 * STEP_TIME, "{steps:?}");
    }
}
