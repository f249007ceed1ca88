//! Counts how much each subscription with a quota holds: its pending messages and its dead letters.
//! Triggers count, so that writes of other processes count, too. The triggers exist only if there
//! is a quota.
//!
//! `writer` refuses messages.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::error::StoreFailure;
use super::settings::Settings;

/// The number of the row that counts all dead letters. Other rows have the number of a
/// subscription.
const LETTERS: i64 = 0;

/// The space that a row's message takes, as in `retention::stored_size`.
macro_rules! footprint {
    ($of:literal) => {
        concat!(
            "coalesce((SELECT sum(256 + CASE WHEN m.size <= 3072 THEN m.size
                 ELSE (m.size + 4095) / 4096 * 4096 END) FROM ",
            $of,
            "), 0)"
        )
    };
}

const DROP: &str = "
DROP TRIGGER held_delivery;
DROP TRIGGER gone_delivery;
DROP TRIGGER held_letter;
DROP TRIGGER gone_letter;
DROP TABLE quotas;
";

const CREATE: &str = concat!(
    "CREATE TABLE quotas (sub INTEGER PRIMARY KEY, held INTEGER NOT NULL) STRICT;
     CREATE TRIGGER held_delivery AFTER INSERT ON deliveries BEGIN
         UPDATE quotas SET held = held + ",
    footprint!("messages m WHERE m.seq = new.seq"),
    " WHERE sub = new.sub; END;
     CREATE TRIGGER gone_delivery AFTER DELETE ON deliveries BEGIN
         UPDATE quotas SET held = held - ",
    footprint!("messages m WHERE m.seq = old.seq"),
    " WHERE sub = old.sub; END;
     CREATE TRIGGER held_letter AFTER INSERT ON dead_letters BEGIN
         UPDATE quotas SET held = held + ",
    footprint!("messages m WHERE m.seq = new.seq"),
    " WHERE sub IN (new.sub, 0); END;
     CREATE TRIGGER gone_letter AFTER DELETE ON dead_letters BEGIN
         UPDATE quotas SET held = held - ",
    footprint!("messages m WHERE m.seq = old.seq"),
    " WHERE sub IN (old.sub, 0); END;"
);

/// The quotas, and the subscriptions that have reached theirs.
pub(super) struct Quotas {
    /// The quotas in bytes, by the name of the subscription.
    limits: BTreeMap<String, u64>,
    /// How many messages were not kept for a subscription since it reached its quota.
    over: BTreeMap<i64, u64>,
}

impl Quotas {
    /// Creates the triggers if there is a limit, and removes them otherwise.
    pub(super) fn prepare(conn: &Connection, settings: &Settings) -> rusqlite::Result<Self> {
        let limits = settings.quotas.clone();
        let letters = settings.retention.dead_letters.max_size.is_some();
        let counts = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'quotas')";
        let counts: bool = conn.query_row(counts, [], |row| row.get(0))?;
        match letters || !limits.is_empty() {
            true if !counts => conn.execute_batch(CREATE)?,
            false if counts => conn.execute_batch(DROP)?,
            _ => {}
        }
        if letters {
            let all = concat!(
                "INSERT INTO quotas SELECT ?1, ",
                footprint!("dead_letters l JOIN messages m ON m.seq = l.seq"),
                " WHERE NOT EXISTS (SELECT 1 FROM quotas WHERE sub = ?1)"
            );
            conn.execute(all, [LETTERS])?;
        }
        Ok(Self {
            limits,
            over: BTreeMap::new(),
        })
    }

    /// Returns whether any subscription has a quota.
    pub(super) fn are_set(&self) -> bool {
        !self.limits.is_empty()
    }

    /// Begins to count what a subscription holds, if it has a quota.
    pub(super) fn begin(&self, conn: &Connection, sub: i64, name: &str) -> rusqlite::Result<()> {
        if !self.limits.contains_key(name) {
            return Ok(());
        }
        let sql = concat!(
            "INSERT INTO quotas SELECT ?1, ",
            footprint!("deliveries d JOIN messages m ON m.seq = d.seq WHERE d.sub = ?1"),
            " + ",
            footprint!("dead_letters l JOIN messages m ON m.seq = l.seq WHERE l.sub = ?1"),
            " WHERE NOT EXISTS (SELECT 1 FROM quotas WHERE sub = ?1)"
        );
        conn.execute(sql, [sub])?;
        Ok(())
    }

    /// Returns whether a subscription has room for a message that takes this many bytes. Logs when
    /// that changes.
    pub(super) fn has_room(
        &mut self,
        conn: &Connection,
        sub: i64,
        name: &str,
        takes: u64,
    ) -> rusqlite::Result<bool> {
        let Some(quota) = self.limits.get(name) else {
            return Ok(true);
        };
        let fits = held(conn, sub)? + takes <= *quota;
        match (fits, self.over.get_mut(&sub)) {
            (true, None) => {}
            (true, Some(missed)) => {
                let missed = *missed;
                self.over.remove(&sub);
                tracing::info!(
                    subscription = name,
                    missed,
                    "the subscription is below its quota again"
                );
            }
            (false, Some(missed)) => *missed += 1,
            (false, None) => {
                self.over.insert(sub, 1);
                tracing::warn!(
                    subscription = name,
                    quota,
                    "the subscription has reached its quota of pending messages and dead letters: new messages are not kept for it"
                );
            }
        }
        Ok(fits)
    }

    /// Returns the error for a publisher whose message only this subscription would receive.
    pub(super) fn refusal(&self, name: &str) -> StoreFailure {
        let quota = self.limits.get(name).copied().unwrap_or_default();
        let name = name.into();
        StoreFailure::QuotaFull { name, quota }
    }
}

/// Returns the size of all dead letters in bytes, if it is counted.
pub(super) fn letters(conn: &Connection) -> rusqlite::Result<u64> {
    held(conn, LETTERS)
}

fn held(conn: &Connection, sub: i64) -> rusqlite::Result<u64> {
    let sql = "SELECT coalesce((SELECT max(held, 0) FROM quotas WHERE sub = ?1), 0)";
    let mut select = conn.prepare_cached(sql)?;
    select.query_row(params![sub], |row| row.get(0))
}
