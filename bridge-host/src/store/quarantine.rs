//! Reads deliveries one by one when one of them cannot be read. An unreadable delivery becomes a
//! dead letter, so that the deliveries behind it continue. The rows on disk do not change.
//!
//! `read_batch` reads sound deliveries.

use rusqlite::{Connection, ErrorCode};

use super::delivery_row::{DeliveryRow, FetchedRows, ReadPlan, UnreadableRow, read_one};

/// The most deliveries in one read.
const MOST: usize = 32;

/// Returns whether the error may concern a single row.
pub(super) fn is_row_error(error: &rusqlite::Error) -> bool {
    use rusqlite::Error;
    match error {
        Error::SqliteFailure(failure, _) => failure.code == ErrorCode::DatabaseCorrupt,
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::Utf8Error(..) => true,
        _ => false,
    }
}

/// Reads what the plan requests, one delivery at a time. An error means that the table of
/// deliveries itself cannot be read.
pub(super) fn fetch(conn: &Connection, sub: i64, plan: &ReadPlan) -> rusqlite::Result<FetchedRows> {
    let mut fetched = FetchedRows::nothing(plan);
    for seq in plan.wanted.iter().take(MOST) {
        match read_or_quarantine(conn, sub, *seq, &mut fetched.unreadable)? {
            Some(row) => fetched.wanted.push(row),
            None if fetched.unreadable.last().is_some_and(|it| it.seq == *seq) => {}
            None => fetched.wanted_gone.push(*seq),
        }
    }
    let mut seqs = Vec::new();
    if !plan.ordered {
        seqs = due(conn, sub, plan)?;
        // The next read finds out whether more deliveries are due.
        fetched.next_due = Some(plan.now);
    }
    let fresh = fresh(conn, sub, plan)?;
    fetched.more = fresh.len() == MOST;
    fetched.cursor = fresh.last().copied().unwrap_or(plan.cursor);
    seqs.extend(fresh);
    for seq in seqs {
        if !plan.out.contains(&seq) {
            let row = read_or_quarantine(conn, sub, seq, &mut fetched.unreadable)?;
            fetched.rows.extend(row);
        }
    }
    Ok(fetched)
}

/// Reads a row. Returns `None` if it does not exist, or if it was added to `unreadable`.
fn read_or_quarantine(
    conn: &Connection,
    sub: i64,
    seq: i64,
    unreadable: &mut Vec<UnreadableRow>,
) -> rusqlite::Result<Option<DeliveryRow>> {
    match read_one(conn, sub, seq) {
        Err(error) if is_row_error(&error) => {
            let sql = "SELECT attempts FROM deliveries WHERE sub = ?1 AND seq = ?2";
            let mut select = conn.prepare_cached(sql)?;
            unreadable.push(UnreadableRow {
                seq,
                attempts: select.query_row([sub, seq], |row| row.get(0))?,
                why: error.to_string(),
            });
            Ok(None)
        }
        read => read,
    }
}

fn due(conn: &Connection, sub: i64, plan: &ReadPlan) -> rusqlite::Result<Vec<i64>> {
    let sql = "SELECT seq FROM deliveries INDEXED BY parked
         WHERE sub = ?1 AND due > 0 AND due <= ?2 ORDER BY due LIMIT ?3";
    let most = (MOST + plan.out.len()) as i64;
    let mut select = conn.prepare_cached(sql)?;
    let seqs = select.query_map([sub, plan.now, most], |row| row.get(0))?;
    let seqs = seqs.collect::<rusqlite::Result<Vec<i64>>>()?;
    let due = seqs.into_iter().filter(|seq| !plan.out.contains(seq));
    Ok(due.take(MOST).collect())
}

fn fresh(conn: &Connection, sub: i64, plan: &ReadPlan) -> rusqlite::Result<Vec<i64>> {
    let sql = "SELECT seq FROM deliveries
         WHERE sub = ?1 AND seq > ?2 AND (?3 OR due = 0) ORDER BY seq LIMIT ?4";
    let mut select = conn.prepare_cached(sql)?;
    let parameters = (sub, plan.cursor, plan.ordered, MOST as i64);
    let seqs = select.query_map(parameters, |row| row.get(0))?;
    seqs.collect()
}
