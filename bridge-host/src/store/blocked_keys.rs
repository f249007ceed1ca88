//! Keys that dead letters block: lists and releases them.
//!
//! `turn` decides whether a message waits for its key.

use rusqlite::{Connection, params};

use super::clock::now_ms;

/// The due time of a delivery that waits behind a dead letter. It is due when the dead letter is
/// gone.
pub(super) const BLOCKED: i64 = i64::MAX;

/// Returns the keys of a subscription that dead letters block, or that messages wait for.
pub(super) fn keys(conn: &Connection, name: &str) -> rusqlite::Result<Vec<String>> {
    let mut select = conn.prepare_cached(
        "SELECT l.key FROM dead_letters l JOIN subscriptions s ON s.sub = l.sub
             WHERE s.name = ?1 AND l.key IS NOT NULL
         UNION SELECT d.key FROM deliveries d JOIN subscriptions s ON s.sub = d.sub
             WHERE s.name = ?1 AND d.key IS NOT NULL",
    )?;
    select.query_map([name], |row| row.get(0))?.collect()
}

/// Makes the messages that wait for a key due, unless another dead letter blocks the key.
pub(super) fn release(conn: &Connection, sub: i64, key: &str) -> rusqlite::Result<()> {
    let mut update = conn.prepare_cached(
        "UPDATE deliveries SET due = ?3 WHERE sub = ?1 AND key = ?2 AND due = ?4
             AND NOT EXISTS (SELECT 1 FROM dead_letters WHERE sub = ?1 AND key = ?2)",
    )?;
    update.execute(params![sub, key, now_ms().max(1), BLOCKED])?;
    Ok(())
}

/// Releases all keys of a subscription.
pub(super) fn release_all(conn: &Connection, name: &str) -> rusqlite::Result<()> {
    conn.execute(
        "UPDATE dead_letters SET key = NULL WHERE key IS NOT NULL
             AND sub = (SELECT sub FROM subscriptions WHERE name = ?1)",
        [name],
    )?;
    conn.execute(
        "UPDATE deliveries SET key = NULL, due = iif(due = ?3, ?2, due) WHERE key IS NOT NULL
             AND sub = (SELECT sub FROM subscriptions WHERE name = ?1)",
        params![name, now_ms().max(1), BLOCKED],
    )?;
    Ok(())
}
