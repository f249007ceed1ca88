//! The ledger: how many messages each subscription accepted, and how they ended.
//!
//! `settle` and `writer` count them.

use rusqlite::{Connection, params};

use super::blocked_keys::BLOCKED;
use crate::message::TopicPattern;

/// How the messages of one subscription ended.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Ledger {
    /// The name of the subscription.
    #[serde(rename = "name")]
    pub subscription: String,
    /// How many messages matched its topics.
    pub accepted: u64,
    /// How many exchanges succeeded.
    pub delivered: u64,
    /// How many messages a component discarded on purpose.
    pub filtered: u64,
    /// How many deliveries failed permanently. A replayed dead letter is pending again; a dropped
    /// one still counts.
    pub dead_lettered: u64,
    /// How many dead letters were dropped.
    pub dropped: u64,
    /// How many pending messages wait behind a dead letter of their key.
    pub blocked: u64,
    /// How many messages are not settled. This is counted from the rows, not from the other
    /// counters, so that [`Ledger::is_balanced`] can find an error.
    pub pending: u64,
}

impl Ledger {
    /// Returns whether the ledger balances: accepted = delivered + filtered + dead-lettered +
    /// pending.
    pub fn is_balanced(&self) -> bool {
        self.accepted == self.delivered + self.filtered + self.dead_lettered + self.pending
    }

    /// Returns how many dead letters are stored.
    pub fn dead_letters(&self) -> u64 {
        self.dead_lettered.saturating_sub(self.dropped)
    }

    /// Returns whether there are neither pending messages nor dead letters.
    pub fn is_settled(&self) -> bool {
        self.pending == 0 && self.dead_letters() == 0
    }
}

/// What one transaction adds to the counters of a subscription.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) accepted: i64,
    pub(super) delivered: i64,
    pub(super) filtered: i64,
    pub(super) dead_lettered: i64,
}

impl Tally {
    pub(super) fn write(&self, conn: &Connection, sub: i64) -> rusqlite::Result<()> {
        let mut update = conn.prepare_cached(
            "UPDATE subscriptions SET accepted = accepted + ?2, delivered = delivered + ?3,
                 filtered = filtered + ?4, dead_lettered = dead_lettered + ?5 WHERE sub = ?1",
        )?;
        update.execute(params![
            sub,
            self.accepted,
            self.delivered,
            self.filtered,
            self.dead_lettered,
        ])?;
        Ok(())
    }
}

/// Returns how many stored messages these topics match, settled ones included.
pub(super) fn kept(conn: &Connection, topics: &[TopicPattern]) -> rusqlite::Result<u64> {
    let mut select = conn.prepare_cached("SELECT topic, count(*) FROM messages GROUP BY topic")?;
    let mut rows = select.query([])?;
    let mut kept = 0;
    while let Some(row) = rows.next()? {
        let topic = row.get_ref(0)?.as_str()?;
        if topics.iter().any(|pattern| pattern.matches(topic)) {
            kept += row.get::<_, u64>(1)?;
        }
    }
    Ok(kept)
}

/// Returns all ledgers at one moment, sorted by name.
pub(super) fn read(conn: &Connection) -> rusqlite::Result<Vec<Ledger>> {
    let mut select = conn.prepare_cached(
        "SELECT name, accepted, delivered, filtered, dead_lettered, dropped,
             (SELECT count(*) FROM deliveries d WHERE d.sub = s.sub),
             (SELECT count(*) FROM deliveries d INDEXED BY parked
                  WHERE d.sub = s.sub AND d.due > 0 AND d.due = ?1)
         FROM subscriptions s ORDER BY name",
    )?;
    let ledgers = select.query_map([BLOCKED], |row| {
        Ok(Ledger {
            subscription: row.get(0)?,
            accepted: row.get(1)?,
            delivered: row.get(2)?,
            filtered: row.get(3)?,
            dead_lettered: row.get(4)?,
            dropped: row.get(5)?,
            pending: row.get(6)?,
            blocked: row.get(7)?,
        })
    })?;
    ledgers.collect()
}
