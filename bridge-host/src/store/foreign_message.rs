//! A message of another broker that is kept here: as a dead letter, or parked
//! until its retry is due; and its place in the books of its subscription.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::oneshot;

use super::clock::{millis, unix_ms, wall_ms};
use super::error::StoreFailure;
use super::kept_message::{FailedDelivery, ParkedMessage};
use super::publish::CheckedMessage;
use crate::message::{Message, MessageId};

/// Writes a message of another broker, and says which `seq` it has.
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

/// What is kept.
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

    /// What it takes in the database.
    pub(super) fn stored_size(&self) -> u64 {
        self.checked.stored_size()
    }

    /// A message that is a delivery here now: of which subscription, and after
    /// which time it is due.
    pub(super) fn new_delivery(&self) -> Option<(&str, Duration)> {
        match &self.what {
            ForeignMessage::DeadLetter(_) => None,
            ForeignMessage::Parked(parked) => Some((&parked.subscription, parked.after)),
        }
    }

    /// Writes it, unless it is there, and says how many bytes that were. A
    /// subscription that never took messages from here has a row since it joined
    /// for its replays, unless it was forgotten since.
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
        // One that went away meanwhile has the message again, and again a letter.
        let _ = self.reply.send(result);
    }
}

/// What it is known by, should it come again: an id alone may be that of
/// another message, too.
fn origin(published: SystemTime, id: &MessageId) -> String {
    let since = published.duration_since(UNIX_EPOCH);
    format!("{} {id}", since.unwrap_or_default().as_nanos())
}

/// The number of a subscription, which gets a row where it has none.
fn subscription_of(conn: &Connection, name: &str) -> rusqlite::Result<i64> {
    let mut select = conn.prepare_cached("SELECT sub FROM subscriptions WHERE name = ?1")?;
    if let Some(sub) = select.query_row([name], |row| row.get(0)).optional()? {
        return Ok(sub);
    }
    conn.prepare_cached("INSERT INTO subscriptions (name, topics, ordered) VALUES (?1, '[]', 0)")?
        .insert([name])
}
