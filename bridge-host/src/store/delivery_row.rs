//! Deliveries as they are read from the database: what a read requests, and what it returns.
//!
//! `read_batch` reads several deliveries at once; `quarantine` reads them one by one.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension};

use crate::message::{Message, MessageId};

/// A delivery with its message.
pub(super) struct DeliveryRow {
    pub(super) seq: i64,
    pub(super) attempts: u32,
    /// When the first attempt ended; milliseconds since 1970.
    pub(super) first_attempt: Option<i64>,
    pub(super) due: i64,
    pub(super) id: MessageId,
    pub(super) published_at: i64,
    pub(super) message: Message,
    /// The bytes that count towards the limit of what is read ahead.
    pub(super) weight: u64,
}

impl DeliveryRow {
    /// Returns the time since the first attempt ended.
    pub(super) fn tried_for(&self, now: i64) -> Option<Duration> {
        let since = now.saturating_sub(self.first_attempt?);
        Some(Duration::from_millis(since.try_into().unwrap_or(0)))
    }
}

/// What to read for a subscription.
pub(super) struct ReadPlan {
    pub(super) epoch: u64,
    pub(super) ordered: bool,
    pub(super) cursor: i64,
    pub(super) now: i64,
    pub(super) wanted: Vec<i64>,
    /// Deliveries to skip. The set was copied before the read began: a delivery that left it later
    /// may be read here in an older state.
    pub(super) out: HashSet<i64>,
    /// The most due retries to read.
    pub(super) due: usize,
    /// The most other deliveries to read. With order, all deliveries count here.
    pub(super) fresh: usize,
    pub(super) bytes: u64,
}

/// The result of a read.
pub(super) struct FetchedRows {
    pub(super) wanted: Vec<DeliveryRow>,
    /// Requested deliveries that were settled meanwhile.
    pub(super) wanted_gone: Vec<i64>,
    pub(super) rows: Vec<DeliveryRow>,
    /// Deliveries that become dead letters.
    pub(super) unreadable: Vec<UnreadableRow>,
    pub(super) cursor: i64,
    /// Whether the read stopped at its limit, so that more deliveries may exist.
    pub(super) more: bool,
    pub(super) next_due: Option<i64>,
}

impl FetchedRows {
    /// Returns an empty result.
    pub(super) fn nothing(plan: &ReadPlan) -> Self {
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

/// The join has `m` second, so that SQLite reads the row of a message only for deliveries that are
/// looked at. SQLite reads `data` only when it is requested.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT d.seq, d.attempts, d.due, m.id, m.published_at, m.size, m.topic,
                 m.content_type, m.metadata, m.data, d.first_attempt FROM deliveries d ",
            $rest
        )
    };
}
pub(super) const WANTED: &str =
    select!("CROSS JOIN messages m ON m.seq = d.seq WHERE d.sub = ?1 AND d.seq = ?2");
pub(super) const DUE: &str = select!(
    "INDEXED BY parked CROSS JOIN messages m ON m.seq = d.seq
     WHERE d.sub = ?1 AND d.due > 0 AND d.due <= ?2 ORDER BY d.due"
);
pub(super) const FRESH: &str = select!(
    "CROSS JOIN messages m ON m.seq = d.seq
     WHERE d.sub = ?1 AND d.seq > ?2 AND d.due = 0 ORDER BY d.seq"
);
pub(super) const IN_ORDER: &str = select!(
    "CROSS JOIN messages m ON m.seq = d.seq
     WHERE d.sub = ?1 AND d.seq > ?2 ORDER BY d.seq"
);
pub(super) const NEXT_DUE: &str =
    "SELECT min(due) FROM deliveries INDEXED BY parked WHERE sub = ?1 AND due > 0 AND due > ?2";

/// A delivery whose message cannot be read.
pub(super) struct UnreadableRow {
    pub(super) seq: i64,
    pub(super) attempts: u32,
    pub(super) why: String,
}

/// Reads one delivery. Returns `None` if the delivery no longer exists.
pub(super) fn read_one(
    conn: &Connection,
    sub: i64,
    seq: i64,
) -> rusqlite::Result<Option<DeliveryRow>> {
    let mut select = conn.prepare_cached(WANTED)?;
    select.query_row([sub, seq], read).optional()
}

pub(super) fn weight(row: &rusqlite::Row<'_>) -> rusqlite::Result<u64> {
    row.get(5)
}

pub(super) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<DeliveryRow> {
    let id: String = row.get(3)?;
    let metadata: Option<String> = row.get(8)?;
    // The Vec has exactly the length of the data, so Bytes takes it over without a copy.
    let data: Vec<u8> = row.get(9)?;
    Ok(DeliveryRow {
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

/// Parses the metadata column.
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
