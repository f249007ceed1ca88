//! Reads a batch of deliveries for a feed: first returned deliveries, then due retries, then new
//! messages.
//!
//! `read_connections` has the connections; the rows and their SQL are in `delivery_row`.

use rusqlite::{Connection, OptionalExtension};

use super::delivery_row::{
    DUE, FRESH, FetchedRows, IN_ORDER, NEXT_DUE, ReadPlan, WANTED, read, weight,
};

/// Reads the deliveries that the plan asks for.
pub(super) fn fetch(conn: &Connection, sub: i64, plan: &ReadPlan) -> rusqlite::Result<FetchedRows> {
    let mut budget = ReadBudget {
        count: plan.fresh,
        bytes: plan.bytes,
        any: false,
    };
    let mut fetched = FetchedRows::nothing(plan);
    read_wanted(conn, sub, plan, &mut budget, &mut fetched)?;
    if plan.due > 0 {
        read_due(conn, sub, plan, &mut budget, &mut fetched)?;
    }
    if plan.fresh > 0 {
        let sql = if plan.ordered { IN_ORDER } else { FRESH };
        read_on(conn, sql, sub, plan, &mut budget, &mut fetched)?;
    }
    Ok(fetched)
}

fn read_wanted(
    conn: &Connection,
    sub: i64,
    plan: &ReadPlan,
    budget: &mut ReadBudget,
    fetched: &mut FetchedRows,
) -> rusqlite::Result<()> {
    let mut select = conn.prepare_cached(WANTED)?;
    for seq in &plan.wanted {
        let row = select.query_row([sub, *seq], |row| match budget.takes(weight(row)?) {
            true => read(row).map(Some),
            false => Ok(None),
        });
        match row.optional()? {
            Some(Some(row)) => fetched.wanted.push(row),
            Some(None) => break,
            None => fetched.wanted_gone.push(*seq),
        }
    }
    Ok(())
}

fn read_due(
    conn: &Connection,
    sub: i64,
    plan: &ReadPlan,
    budget: &mut ReadBudget,
    fetched: &mut FetchedRows,
) -> rusqlite::Result<()> {
    let mut half = ReadBudget {
        count: plan.due,
        bytes: budget.bytes / 2,
        any: budget.any,
    };
    let mut select = conn.prepare_cached(DUE)?;
    let mut rows = select.query([sub, plan.now])?;
    while let Some(row) = rows.next()? {
        if plan.out.contains(&row.get(0)?) {
            continue;
        }
        let weight = weight(row)?;
        if !half.takes(weight) {
            fetched.next_due = Some(plan.now);
            return Ok(());
        }
        budget.bytes = budget.bytes.saturating_sub(weight);
        fetched.rows.push(read(row)?);
    }
    let mut next = conn.prepare_cached(NEXT_DUE)?;
    fetched.next_due = next.query_row([sub, plan.now], |row| row.get(0))?;
    Ok(())
}

fn read_on(
    conn: &Connection,
    sql: &str,
    sub: i64,
    plan: &ReadPlan,
    budget: &mut ReadBudget,
    fetched: &mut FetchedRows,
) -> rusqlite::Result<()> {
    let mut select = conn.prepare_cached(sql)?;
    let mut rows = select.query([sub, plan.cursor])?;
    while let Some(row) = rows.next()? {
        let seq = row.get(0)?;
        if !plan.out.contains(&seq) {
            if !budget.takes(weight(row)?) {
                return Ok(());
            }
            fetched.rows.push(read(row)?);
        }
        fetched.cursor = seq;
    }
    fetched.more = false;
    Ok(())
}

/// How much may still be read. The first message is always read, whatever its size.
struct ReadBudget {
    count: usize,
    bytes: u64,
    any: bool,
}

impl ReadBudget {
    fn takes(&mut self, weight: u64) -> bool {
        if self.any && (self.count == 0 || self.bytes < weight) {
            return false;
        }
        self.any = true;
        self.count = self.count.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(weight);
        true
    }
}
