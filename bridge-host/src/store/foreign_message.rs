//! Keeps a message of another broker: as a dead letter, or parked until its retry is due. The
//! ledger of its subscription counts it.
//!
//! `kept_message` has the types.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::oneshot;

use super::clock::{millis, unix_ms, wall_ms};
use super::error::StoreFailure;
use super::kept_message::{FailedDelivery, ParkedMessage};
use super::publish::CheckedMessage;
use crate::message::{Message, MessageId};

/// Inserts a message of another broker. Returns its `seq`.
pub(super) fn insert(
    conn: &Connection,
    message: &Message,
    id: &MessageId,
    published: SystemTime,
    checked: &CheckedMessage,
) -> rusqlite::Result<i64> {
    let mut insert = conn.prepare_cached(
        "INSERT INTO messages (id, topic, content_type, metadata, published_at, size, data)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    insert.insert(params![
        id.as_str(),
        message.topic,
        message.content_type,
        checked.metadata,
        unix_ms(published),
        checked.size as i64,
        &message.data[..],
    ])
}

/// How the message is kept.
pub(super) enum ForeignMessage {
    DeadLetter(FailedDelivery),
    Parked(ParkedMessage),
}

pub(super) struct KeepCommand {
    what: ForeignMessage,
    checked: CheckedMessage,
    reply: oneshot::Sender<Result<(), StoreFailure>>,
}

impl KeepCommand {
    pub(super) fn new(
        what: ForeignMessage,
        checked: CheckedMessage,
        reply: oneshot::Sender<Result<(), StoreFailure>>,
    ) -> Self {
        Self {
            what,
            checked,
            reply,
        }
    }

    /// Returns the space that the message takes in the database, in bytes.
    pub(super) fn stored_size(&self) -> u64 {
        self.checked.stored_size()
    }

    /// Returns the subscription and the wait of a parked message, which is now a delivery of this
    /// store.
    pub(super) fn new_delivery(&self) -> Option<(&str, Duration)> {
        match &self.what {
            ForeignMessage::DeadLetter(_) => None,
            ForeignMessage::Parked(parked) => Some((&parked.subscription, parked.after)),
        }
    }

    /// Inserts the message, unless it exists. Returns the bytes that were added. If the
    /// subscription has no row, because it was forgotten, a row is inserted.
    pub(super) fn apply(&self, conn: &Connection, now: i64) -> rusqlite::Result<u64> {
        let (subscription, origin) = match &self.what {
            ForeignMessage::DeadLetter(it) => (&it.subscription, origin(it.published, &it.id)),
            ForeignMessage::Parked(it) => (&it.subscription, origin(it.published, &it.id)),
        };
        let sub = subscription_of(conn, subscription)?;
        let table = match &self.what {
            ForeignMessage::DeadLetter(_) => "dead_letters",
            ForeignMessage::Parked(_) => "deliveries",
        };
        let known = format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE sub = ?1 AND origin = ?2)");
        let mut known = conn.prepare_cached(&known)?;
        if known.query_row(params![sub, origin], |row| row.get(0))? {
            return Ok(0);
        }
        match &self.what {
            ForeignMessage::DeadLetter(given_up) => {
                self.insert_dead_letter(conn, sub, &origin, given_up)?
            }
            ForeignMessage::Parked(parked) => self.park(conn, now, sub, &origin, parked)?,
        }
        Ok(self.checked.stored_size())
    }

    fn insert_dead_letter(
        &self,
        conn: &Connection,
        sub: i64,
        origin: &str,
        given_up: &FailedDelivery,
    ) -> rusqlite::Result<()> {
        let FailedDelivery {
            message,
            id,
            published,
            letter,
            ..
        } = given_up;
        let seq = insert(conn, message, id, *published, &self.checked)?;
        conn.prepare_cached(
            "INSERT INTO dead_letters (sub, seq, at, reason, status, attempts, backtrace, origin, key)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .insert(params![
            sub,
            seq,
            wall_ms(),
            letter.reason,
            letter.status,
            letter.attempts,
            letter.backtrace,
            origin,
            letter.key,
        ])?;
        conn.prepare_cached(
            "UPDATE subscriptions SET accepted = accepted + 1, dead_lettered = dead_lettered + 1
             WHERE sub = ?1",
        )?
        .execute([sub])?;
        Ok(())
    }

    fn park(
        &self,
        conn: &Connection,
        now: i64,
        sub: i64,
        origin: &str,
        parked: &ParkedMessage,
    ) -> rusqlite::Result<()> {
        let ParkedMessage {
            message,
            id,
            published,
            attempts,
            tried_for,
            after,
            ..
        } = parked;
        let seq = insert(conn, message, id, *published, &self.checked)?;
        conn.prepare_cached(
            "INSERT INTO deliveries (sub, seq, attempts, due, first_attempt, origin)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            sub,
            seq,
            attempts,
            now.saturating_add(millis(*after)).max(1),
            now.saturating_sub(millis(*tried_for)),
            origin,
        ])?;
        let accepted = "UPDATE subscriptions SET accepted = accepted + 1 WHERE sub = ?1";
        conn.prepare_cached(accepted)?.execute([sub])?;
        Ok(())
    }

    pub(super) fn answer(self, result: Result<(), StoreFailure>) {
        // If the caller has gone, the broker delivers the message again.
        let _ = self.reply.send(result);
    }
}

/// Returns the key that identifies a repeated message. The id alone is not enough, because two
/// messages can have the same id.
fn origin(published: SystemTime, id: &MessageId) -> String {
    let since = published.duration_since(UNIX_EPOCH);
    format!("{} {id}", since.unwrap_or_default().as_nanos())
}

/// Returns the number of a subscription. Inserts a row for it if there is none.
fn subscription_of(conn: &Connection, name: &str) -> rusqlite::Result<i64> {
    let mut select = conn.prepare_cached("SELECT sub FROM subscriptions WHERE name = ?1")?;
    if let Some(sub) = select.query_row([name], |row| row.get(0)).optional()? {
        return Ok(sub);
    }
    conn.prepare_cached("INSERT INTO subscriptions (name, topics, ordered) VALUES (?1, '[]', 0)")?
        .insert([name])
}
