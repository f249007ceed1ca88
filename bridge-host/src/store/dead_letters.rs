//! The dead letters in the store: lists, shows, replays and drops them.
//!
//! `settle` and `foreign_message` create them.

use rusqlite::{Connection, OptionalExtension, params};

use super::blocked_keys;
use super::clock::{now_ms, time};
use super::delivery_row::parse_metadata;
use super::kept_message::{DeadLetter, DeadLetterFilter, KeptDeadLetter};
use crate::message::{HOPS_KEY, Message};

/// Returns the filter as the first two parameters of the selects below.
fn parameters(which: &DeadLetterFilter) -> (Option<&str>, Option<i64>) {
    match which {
        DeadLetterFilter::All => (None, None),
        DeadLetterFilter::Subscription(name) => (Some(name), None),
        DeadLetterFilter::Id(id) => (None, Some(*id)),
    }
}

macro_rules! select {
    ($columns:literal, $data:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $columns,
            $data,
            " FROM dead_letters l JOIN subscriptions s ON s.sub = l.sub
              JOIN messages m ON m.seq = l.seq
              WHERE (?1 IS NULL OR s.name = ?1) AND (?2 IS NULL OR l.id = ?2) ",
            $rest
        )
    };
}
macro_rules! select_all {
    ($data:literal, $rest:literal) => {
        select!(
            "l.id, s.name, m.id, m.published_at, l.at, l.reason, l.status, l.attempts,
             l.backtrace, l.key, m.size, m.topic, m.content_type, m.metadata, ",
            $data,
            $rest
        )
    };
}

/// Returns at most `limit` dead letters with a number above `after`, without their data.
pub(super) fn list(
    conn: &Connection,
    which: &DeadLetterFilter,
    after: i64,
    limit: usize,
) -> rusqlite::Result<Vec<KeptDeadLetter>> {
    let (name, id) = parameters(which);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut select =
        conn.prepare_cached(select_all!("x''", "AND l.id > ?3 ORDER BY l.id LIMIT ?4"))?;
    select
        .query_map(params![name, id, after, limit], read)?
        .collect()
}

pub(super) fn show(conn: &Connection, id: i64) -> rusqlite::Result<Option<KeptDeadLetter>> {
    let mut select = conn.prepare_cached(select_all!("m.data", ""))?;
    select.query_row(params![None::<&str>, id], read).optional()
}

/// Returns the numbers of all dead letters that the filter selects.
pub(super) fn ids(conn: &Connection, which: &DeadLetterFilter) -> rusqlite::Result<Vec<i64>> {
    let (name, id) = parameters(which);
    let mut select = conn.prepare_cached(select!("l.id", "", "ORDER BY l.id"))?;
    select
        .query_map(params![name, id], |row| row.get(0))?
        .collect()
}

/// Removes the hop count of the message. An operator who replays it has ended the loop.
const HOPS_ANEW: &str = "UPDATE messages SET metadata =
        (SELECT json_group_array(json(value)) FROM json_each(metadata) WHERE value ->> 0 <> ?2)
    WHERE seq = (SELECT seq FROM dead_letters WHERE id = ?1) AND instr(metadata, ?2) > 0";

/// Makes dead letters pending again, and releases messages that wait behind them. Skips dead
/// letters that no longer exist. Returns how many were replayed.
pub(super) fn replay(conn: &Connection, ids: &[i64]) -> rusqlite::Result<u64> {
    // A parked delivery that is due is found wherever the bridge has read to.
    let mut back = conn.prepare_cached(
        "INSERT INTO deliveries (sub, seq, attempts, due, key)
             SELECT sub, seq, 0, ?2, key FROM dead_letters WHERE id = ?1",
    )?;
    let mut count = conn.prepare_cached(
        "UPDATE subscriptions SET dead_lettered = dead_lettered - 1
             WHERE sub = (SELECT sub FROM dead_letters WHERE id = ?1)",
    )?;
    let mut reset_hops = conn.prepare_cached(HOPS_ANEW)?;
    let now = now_ms().max(1);
    let mut replayed = 0;
    for id in ids {
        reset_hops.execute(params![id, HOPS_KEY])?;
        if back.execute([*id, now])? > 0 {
            count.execute([*id])?;
            remove(conn, *id)?;
            replayed += 1;
        }
    }
    Ok(replayed)
}

/// Deletes dead letters, and releases messages that wait behind them. Skips dead letters that no
/// longer exist. Returns how many were dropped.
pub(super) fn drop(conn: &Connection, ids: &[i64]) -> rusqlite::Result<u64> {
    let mut count = conn.prepare_cached(
        "UPDATE subscriptions SET dropped = dropped + 1
             WHERE sub = (SELECT sub FROM dead_letters WHERE id = ?1)",
    )?;
    let mut dropped = 0;
    for id in ids {
        if count.execute([*id])? > 0 {
            remove(conn, *id)?;
            dropped += 1;
        }
    }
    Ok(dropped)
}

/// Deletes a dead letter. The last dead letter of a key releases the key.
fn remove(conn: &Connection, id: i64) -> rusqlite::Result<()> {
    let mut delete =
        conn.prepare_cached("DELETE FROM dead_letters WHERE id = ?1 RETURNING sub, key")?;
    let gone = delete.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)));
    match gone.optional()? {
        Some((sub, Some::<String>(key))) => blocked_keys::release(conn, sub, &key),
        Some((_, None)) | None => Ok(()),
    }
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<KeptDeadLetter> {
    let metadata: Option<String> = row.get(13)?;
    // If the metadata cannot be read, the reason of the dead letter says so.
    let metadata = parse_metadata(metadata.as_deref()).unwrap_or_default();
    Ok(KeptDeadLetter {
        id: row.get(0)?,
        subscription: row.get(1)?,
        message_id: row.get(2)?,
        published: time(row.get(3)?),
        at: time(row.get(4)?),
        letter: DeadLetter {
            reason: row.get(5)?,
            status: row.get(6)?,
            attempts: row.get(7)?,
            backtrace: row.get(8)?,
            key: row.get(9)?,
        },
        size: row.get(10)?,
        message: Message {
            topic: row.get(11)?,
            content_type: row.get(12)?,
            metadata,
            data: row.get::<_, Vec<u8>>(14)?.into(),
        },
    })
}
