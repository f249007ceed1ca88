//! Dead letters that go by themselves, where their age or size is limited.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::Writer;
use crate::store::clock::{millis, wall_ms};
use crate::store::database::in_transaction;
use crate::store::settings::LetterRetention;
use crate::store::{dead_letters, quota};

/// No step takes longer.
const STEP: Duration = Duration::from_millis(10);
/// So many go before the time and the limit are looked at again.
const AT_ONCE: i64 = 20;

impl Writer {
    /// Drops the oldest dead letters that are beyond a limit. Returns whether
    /// there are more.
    pub(super) fn drop_letters(&mut self) -> bool {
        let limits = self.letters.clone();
        if limits == LetterRetention::default() {
            return false;
        }
        let dropped = in_transaction(&self.conn, |conn| step(conn, &limits, wall_ms()));
        match dropped {
            Ok((0, more)) => more,
            Ok((count, more)) => {
                tracing::info!(
                    count,
                    "dead letters were removed, as `retention.dead_letters` says"
                );
                self.books.retainer.settled_some();
                // Some of them may have held back others of their key.
                self.shared.changed_by_another_process();
                more
            }
            Err(error) => {
                self.fault(&error);
                false
            }
        }
    }
}

/// How many went, and whether there are more.
fn step(conn: &Connection, limits: &LetterRetention, now: i64) -> rusqlite::Result<(u64, bool)> {
    let (mut gone, until) = (0, Instant::now() + STEP);
    loop {
        let ids = beyond(conn, limits, now)?;
        if ids.is_empty() {
            return Ok((gone, false));
        }
        gone += dead_letters::drop(conn, &ids)?;
        if Instant::now() >= until {
            return Ok((gone, true));
        }
    }
}

/// Some of the oldest, of those that have to go.
fn beyond(conn: &Connection, limits: &LetterRetention, now: i64) -> rusqlite::Result<Vec<i64>> {
    let too_much = match limits.max_size {
        Some(most) => quota::letters(conn)? > most,
        None => false,
    };
    let age = limits.max_age.map(|age| now.saturating_sub(millis(age)));
    // One at a time where it is their size, as the next may be within it.
    let most = if too_much { 1 } else { AT_ONCE };
    let cutoff = if too_much { Some(i64::MAX) } else { age };
    let sql = "SELECT id FROM (SELECT id, at FROM dead_letters ORDER BY id LIMIT ?2) WHERE at < ?1";
    let mut select = conn.prepare_cached(sql)?;
    let ids = select.query_map((cutoff.unwrap_or(i64::MIN), most), |row| row.get(0))?;
    ids.collect()
}
