//! Removes dead letters beyond the configured age or size.
//!
//! `retention` removes messages.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::Writer;
use crate::store::clock::{millis, wall_ms};
use crate::store::database::in_transaction;
use crate::store::settings::LetterRetention;
use crate::store::{dead_letters, quota};

/// The longest time for one step.
const STEP: Duration = Duration::from_millis(10);
/// The dead letters that are removed before the time and the limit are checked again.
const AT_ONCE: i64 = 20;

impl Writer {
    /// Drops the oldest dead letters beyond a limit. Returns whether there are more.
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
                // Some dead letters may have blocked other messages of their key.
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

/// Runs one step. Returns how many dead letters were dropped, and whether there are more.
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

/// Returns some of the oldest dead letters beyond a limit.
fn beyond(conn: &Connection, limits: &LetterRetention, now: i64) -> rusqlite::Result<Vec<i64>> {
    let too_much = match limits.max_size {
        Some(most) => quota::letters(conn)? > most,
        None => false,
    };
    let age = limits.max_age.map(|age| now.saturating_sub(millis(age)));
    // For the size limit, one at a time, because the rest may be within the limit.
    let most = if too_much { 1 } else { AT_ONCE };
    let cutoff = if too_much { Some(i64::MAX) } else { age };
    let sql = "SELECT id FROM (SELECT id, at FROM dead_letters ORDER BY id LIMIT ?2) WHERE at < ?1";
    let mut select = conn.prepare_cached(sql)?;
    let ids = select.query_map((cutoff.unwrap_or(i64::MIN), most), |row| row.get(0))?;
    ids.collect()
}
