//! Removes a subscription with its pending deliveries, its dead letters and its ledger.
//!
//! The inspector checks whether it may be removed.

use rusqlite::{Connection, OptionalExtension, params};

/// The rows that are removed before the elapsed time is checked.
const STEP: usize = 200;

/// Returns whether the subscription has neither pending deliveries nor dead letters.
pub(super) fn is_empty(conn: &Connection, name: &str) -> rusqlite::Result<bool> {
    conn.query_row(
        "SELECT NOT EXISTS (SELECT 1 FROM subscriptions s JOIN deliveries d ON d.sub = s.sub
                            WHERE s.name = ?1)
             AND NOT EXISTS (SELECT 1 FROM subscriptions s JOIN dead_letters l ON l.sub = s.sub
                             WHERE s.name = ?1)",
        [name],
        |row| row.get(0),
    )
}

/// Removes a part of the subscription. Returns whether everything is removed. The ledger balances
/// after each step.
pub(super) fn step(conn: &Connection, name: &str) -> rusqlite::Result<bool> {
    let sub: Option<i64> = conn
        .query_row(
            "SELECT sub FROM subscriptions WHERE name = ?1",
            [name],
            |row| row.get(0),
        )
        .optional()?;
    let Some(sub) = sub else {
        return Ok(true);
    };
    let pending = conn.execute(
        "DELETE FROM deliveries WHERE sub = ?1 AND seq IN
             (SELECT seq FROM deliveries WHERE sub = ?1 ORDER BY seq LIMIT ?2)",
        params![sub, STEP as i64],
    )?;
    let dead_letters = conn.execute(
        "DELETE FROM dead_letters WHERE id IN
             (SELECT id FROM dead_letters WHERE sub = ?1 LIMIT ?2)",
        params![sub, STEP as i64],
    )?;
    if pending == STEP || dead_letters == STEP {
        conn.execute(
            "UPDATE subscriptions SET accepted = accepted - ?2, dropped = dropped + ?3 WHERE sub = ?1",
            params![sub, pending as i64, dead_letters as i64],
        )?;
        return Ok(false);
    }
    conn.execute("DELETE FROM subscriptions WHERE sub = ?1", [sub])?;
    Ok(true)
}
