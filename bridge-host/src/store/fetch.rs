//! Reads a batch for a feed, on one of the read connections: first what came back,
//! then retries that are due, then fresh messages, so many of each.

use parking_lot::Mutex;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::database;
use super::error::{Failure, Fault};
use super::quarantine::{self, Unreadable};
use super::shared::Shared;
use crate::message::{Message, MessageId};

/// A delivery, read.
pub(super) struct Row {
    pub(super) seq: i64,
    pub(super) attempts: u32,
    /// When the first of them ended.
    pub(super) first_attempt: Option<i64>,
    pub(super) due: i64,
    pub(super) id: MessageId,
    pub(super) published_at: i64,
    pub(super) message: Message,
    /// What it counts for while it is read ahead.
    pub(super) weight: u64,
}

impl Row {
    /// For how long it is tried now.
    pub(super) fn tried_for(&self, now: i64) -> Option<Duration> {
        let since = now.saturating_sub(self.first_attempt?);
        Some(Duration::from_millis(since.try_into().unwrap_or(0)))
    }
}

/// What to read.
pub(super) struct Plan {
    pub(super) epoch: u64,
    pub(super) ordered: bool,
    pub(super) cursor: i64,
    pub(super) now: i64,
    pub(super) wanted: Vec<i64>,
    /// Taken before reading began: what leaves it later was committed later,
    /// and may be read here as it was before.
    pub(super) out: HashSet<i64>,
    /// How many retries that are due.
    pub(super) due: usize,
    /// How many others, or in order of all.
    pub(super) fresh: usize,
    pub(super) bytes: u64,
}

/// What was read.
pub(super) struct Fetched {
    pub(super) wanted: Vec<Row>,
    /// Settled meanwhile.
    pub(super) wanted_gone: Vec<i64>,
    pub(super) rows: Vec<Row>,
    /// To be given up.
    pub(super) unreadable: Vec<Unreadable>,
    pub(super) cursor: i64,
    /// Reading stopped because enough was read.
    pub(super) more: bool,
    pub(super) next_due: Option<i64>,
}

impl Fetched {
    /// Nothing was read yet.
    pub(super) fn nothing(plan: &Plan) -> Self {
        Self {
            wanted: Vec::new(),
            wanted_gone: Vec::new(),
            rows: Vec::new(),
            unreadable: Vec::new(),
            cursor: plan.cursor,
            more: plan.fresh > 0,
            next_due: None,
        }
    }
}

/// `m` comes second, so that its row is read for those deliveries only that
/// are looked at; SQLite reads `data` only when it is asked for.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT d.seq, d.attempts, d.due, m.id, m.published_at, m.size, m.topic,
                 m.content_type, m.metadata, m.data, d.first_attempt FROM deliveries d ",
            $rest
        )
    };
}
const WANTED: &str =
    select!("CROSS JOIN messages m ON m.seq = d.seq WHERE d.sub = ?1 AND d.seq = ?2");
const DUE: &str = select!(
    "INDEXED BY parked CROSS JOIN messages m ON m.seq = d.seq
     WHERE d.sub = ?1 AND d.due > 0 AND d.due <= ?2 ORDER BY d.due"
);
const FRESH: &str = select!(
    "CROSS JOIN messages m ON m.seq = d.seq
     WHERE d.sub = ?1 AND d.seq > ?2 AND d.due = 0 ORDER BY d.seq"
);
const IN_ORDER: &str = select!(
    "CROSS JOIN messages m ON m.seq = d.seq
     WHERE d.sub = ?1 AND d.seq > ?2 ORDER BY d.seq"
);
const NEXT_DUE: &str =
    "SELECT min(due) FROM deliveries INDEXED BY parked WHERE sub = ?1 AND due > 0 AND due > ?2";

/// How many connections all subscriptions have together, and threads that read:
/// one each would take 300 KB and two files for every idle subscription.
const CONNECTIONS: usize = 8;

/// The read connections of a broker, opened when they are first used.
pub(super) struct Readers {
    idle: Mutex<Vec<Connection>>,
    turns: Arc<Semaphore>,
}

/// The right to read now, on a thread that may block.
pub(super) type Turn = OwnedSemaphorePermit;

impl Readers {
    pub(super) fn new() -> Self {
        Self {
            idle: Mutex::default(),
            turns: Arc::new(Semaphore::new(CONNECTIONS)),
        }
    }

    /// A turn to read, if it need not be waited for.
    pub(super) fn turn_now(&self) -> Option<Turn> {
        self.turns.clone().try_acquire_owned().ok()
    }

    /// A turn to read; none where the broker is gone.
    pub(super) async fn turn(&self) -> Option<Turn> {
        self.turns.clone().acquire_owned().await.ok()
    }
}

impl Shared {
    /// Reads what the plan says. Blocks on the disk.
    pub(super) fn read(&self, _: Turn, sub: i64, plan: &Plan) -> Result<Fetched, Failure> {
        let idle = self.readers.idle.lock().pop();
        let conn = match idle {
            Some(conn) => conn,
            None => database::open_existing(&self.folder)
                .map_err(|error| Failure::NotOpened(Arc::new(error)))?,
        };
        let fetched = match fetch(&conn, sub, plan) {
            Err(error) if quarantine::is_of_a_row(&error) => quarantine::fetch(&conn, sub, plan),
            fetched => fetched,
        };
        self.readers.idle.lock().push(conn);
        fetched.map_err(|error| {
            if matches!(Fault::of(&error), Fault::Fatal(_)) {
                self.damaged(&error.to_string());
            }
            Failure::NotRead {
                folder: self.folder.clone(),
                why: error.to_string(),
            }
        })
    }
}

fn fetch(conn: &Connection, sub: i64, plan: &Plan) -> rusqlite::Result<Fetched> {
    let mut budget = Budget {
        count: plan.fresh,
        bytes: plan.bytes,
        any: false,
    };
    let mut fetched = Fetched::nothing(plan);
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

/// One delivery alone, unless it is gone.
pub(super) fn read_one(conn: &Connection, sub: i64, seq: i64) -> rusqlite::Result<Option<Row>> {
    let mut select = conn.prepare_cached(WANTED)?;
    select.query_row([sub, seq], read).optional()
}

fn read_wanted(
    conn: &Connection,
    sub: i64,
    plan: &Plan,
    budget: &mut Budget,
    fetched: &mut Fetched,
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
    plan: &Plan,
    budget: &mut Budget,
    fetched: &mut Fetched,
) -> rusqlite::Result<()> {
    let mut half = Budget {
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
    plan: &Plan,
    budget: &mut Budget,
    fetched: &mut Fetched,
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

/// What may still be read. One message may always, however large.
struct Budget {
    count: usize,
    bytes: u64,
    any: bool,
}

impl Budget {
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

fn weight(row: &rusqlite::Row<'_>) -> rusqlite::Result<u64> {
    row.get(5)
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let id: String = row.get(3)?;
    let metadata: Option<String> = row.get(8)?;
    // The Vec has exactly the data's length, so that Bytes takes it as it is.
    let data: Vec<u8> = row.get(9)?;
    Ok(Row {
        seq: row.get(0)?,
        attempts: row.get(1)?,
        first_attempt: row.get(10)?,
        due: row.get(2)?,
        id: MessageId::parse(&id).map_err(|error| damaged(3, error))?,
        published_at: row.get(4)?,
        message: Message {
            topic: row.get(6)?,
            content_type: row.get(7)?,
            metadata: parse_metadata(metadata.as_deref()).map_err(|error| damaged(8, error))?,
            data: Bytes::from(data),
        },
        weight: weight(row)?,
    })
}

/// The metadata as it is kept.
pub(super) fn parse_metadata(
    json: Option<&str>,
) -> Result<Vec<(String, String)>, serde_json::Error> {
    json.map_or(Ok(Vec::new()), serde_json::from_str)
}

fn damaged(
    column: usize,
    error: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
}
