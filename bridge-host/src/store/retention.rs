//! Removes messages that nobody waits for any more, oldest first, in steps
//! short enough to go between two groups of the writer.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::clock::millis;
use super::settings::Retention;

/// What a message takes beside its bytes: its rows and their index entries.
const ROWS: u64 = 256;
/// Larger messages have pages of their own.
const IN_A_PAGE: u64 = 3072;
const PAGE: u64 = 4096;

/// What a message of this size takes in the database, in bytes.
pub(super) fn stored_size(size: u64) -> u64 {
    match size {
        0..=IN_A_PAGE => size + ROWS,
        _ => size.next_multiple_of(PAGE) + ROWS,
    }
}

/// What one step looks at, and removes, at most. Removing reads the pages.
const STEP_ROWS: usize = 2048;
const STEP_BYTES: u64 = 32 << 20;
/// What one publish at the limit of size looks at, at most.
const SEARCH_STEPS: usize = 8;
/// No step takes longer, as publishers wait meanwhile.
const STEP_TIME: Duration = Duration::from_millis(15);
/// Ids are forgotten so many at a time.
const FORGOTTEN: usize = 256;
/// A message that is dated later than this from now is of a clock that ran ahead.
const AHEAD: i64 = 60_000;

pub(super) struct Retainer {
    settings: Retention,
    deduplication_window: i64,
    /// Messages up to here were looked at in this round.
    after: i64,
    /// The same for messages published at the limit of size.
    searched: i64,
    /// It found none settled since it began at the first one.
    search_failed: bool,
    /// None of all messages was settled when last looked at.
    none_settled: bool,
}

/// What a step did.
#[derive(Clone, Copy, Default)]
pub(super) struct RetentionStep {
    pub(super) bytes: u64,
    /// There is more to look at.
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

    /// Before this, an id is forgotten.
    pub(super) fn window_start(&self, now: i64) -> i64 {
        now.saturating_sub(self.deduplication_window)
    }

    /// How much has to go before `size` more fits beside `kept`.
    pub(super) fn excess(&self, kept: u64, size: u64) -> u64 {
        (kept + size).saturating_sub(self.settings.max_size)
    }

    pub(super) fn max_size(&self) -> u64 {
        self.settings.max_size
    }

    /// Whether the last search for room went through all messages in vain. It
    /// ends early where there are many.
    pub(super) fn none_settled(&self) -> bool {
        self.none_settled
    }

    /// Messages were settled: searching may pay again.
    pub(super) fn settled_some(&mut self) {
        self.search_failed = false;
        self.none_settled = false;
    }

    /// What was removed is there again.
    pub(super) fn rolled_back(&mut self) {
        self.searched = 0;
        self.settled_some();
    }

    /// One step of the round that removes what is too old, and what is too
    /// much of `kept` bytes, and `wanted` bytes besides. Starts a new round after the last step.
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

    /// Forgets ids from before the window. Returns whether there are more.
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

    /// The step is on the disk.
    pub(super) fn stepped(&mut self, removed: RetentionStep) {
        self.after = if removed.more { removed.reached } else { 0 };
    }

    /// Removes the oldest settled messages until `excess` bytes are gone, and
    /// says how many are. Searches on where the last search ended.
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

/// Looks at messages after `after` while `goes` (when it was published, how
/// much is gone) holds, and removes those that nobody waits for.
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
        // At least one is looked at, and half of the time is for removing.
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

    /// Messages that a thousand subscriptions may wait for take a while to look
    /// at: a step ends early, and the next ones go on.
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
            retainer.stepped(removed);
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
