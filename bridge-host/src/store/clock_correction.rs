//! Corrects due times when the clock was set back between two runs. Without the correction, a
//! message would wait longer by the same time.
//!
//! Within a run, [`clock`](super::clock) never goes back.

use rusqlite::{Connection, params};

use super::blocked_keys::BLOCKED;
use super::clock::now_ms;
use super::database::in_transaction;

/// A smaller difference is not corrected, in milliseconds: published times come from the clocks of
/// other hosts, too.
const LEAST: i64 = 60_000;

/// Moves all due times back if the clock was set back.
pub(super) fn correct(conn: &Connection) -> rusqlite::Result<()> {
    let now = now_ms();
    let Some(back) = behind(conn, now)? else {
        return Ok(());
    };
    tracing::warn!(
        seconds = back / 1000,
        "the system clock was set back: the times stored in the embedded broker were moved back with it"
    );
    in_transaction(conn, |conn| shift(conn, now, back))
}

/// Returns by how many milliseconds the clock is behind the newest stored time.
fn behind(conn: &Connection, now: i64) -> rusqlite::Result<Option<i64>> {
    let last: i64 = conn.query_row(
        "SELECT max(coalesce((SELECT max(at) FROM recent_ids), 0),
             coalesce((SELECT published_at FROM messages ORDER BY seq DESC LIMIT 1), 0))",
        [],
        |row| row.get(0),
    )?;
    Ok(Some(last.saturating_sub(now)).filter(|back| *back > LEAST))
}

/// Moves due times, times of first attempts and the times of known ids back by `back` milliseconds.
fn shift(conn: &Connection, now: i64, back: i64) -> rusqlite::Result<()> {
    conn.execute(
        "UPDATE deliveries SET due = max(due - ?1, 1) WHERE due > ?2 AND due < ?3",
        params![back, now, BLOCKED],
    )?;
    conn.execute(
        "UPDATE deliveries SET first_attempt = first_attempt - ?1 WHERE first_attempt > ?2",
        params![back, now],
    )?;
    conn.execute(
        "UPDATE recent_ids SET at = at - ?1 WHERE at > ?2",
        params![back, now],
    )?;
    Ok(())
}
