//! A dead letter of another broker: its message, its letter, and its place in
//! the books of the subscription that gave it up.

use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, params};
use tokio::sync::oneshot;

use super::publish::Checked;
use super::store::unix_ms;
use crate::broker::{BrokerError, GivenUp};
use crate::message::{Message, MessageId};

/// Writes a message of another broker, and says which `seq` it has.
pub(super) fn insert(
    conn: &Connection,
    message: &Message,
    id: &MessageId,
    published: SystemTime,
    checked: &Checked,
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

pub(super) struct Keep {
    given_up: GivenUp,
    checked: Checked,
    reply: oneshot::Sender<Result<(), BrokerError>>,
}

impl Keep {
    pub(super) fn new(
        given_up: GivenUp,
        checked: Checked,
        reply: oneshot::Sender<Result<(), BrokerError>>,
    ) -> Self {
        Self {
            given_up,
            checked,
            reply,
        }
    }

    pub(super) fn size(&self) -> u64 {
        self.checked.size
    }

    /// What it is known by, should it come again: an id alone may be that of
    /// another message, too.
    fn origin(&self) -> String {
        let published = self.given_up.published.duration_since(UNIX_EPOCH);
        let nanos = published.unwrap_or_default().as_nanos();
        format!("{nanos} {}", self.given_up.id)
    }

    fn is_kept(&self, conn: &Connection) -> rusqlite::Result<bool> {
        let mut select = conn.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM dead_letters l JOIN subscriptions s ON s.sub = l.sub
                 WHERE s.name = ?1 AND l.origin = ?2)",
        )?;
        select.query_row(params![self.given_up.subscription, self.origin()], |row| {
            row.get(0)
        })
    }

    /// Writes it, unless it is there, and says how many bytes that were. A
    /// subscription that never took messages from here has a row since it joined
    /// for its replays, unless it was forgotten since.
    pub(super) fn apply(&self, conn: &Connection, now: i64) -> rusqlite::Result<u64> {
        if self.is_kept(conn)? {
            return Ok(0);
        }
        let GivenUp {
            subscription,
            message,
            id,
            published,
            letter,
        } = &self.given_up;
        conn.prepare_cached(
            "INSERT INTO subscriptions (name, topics, ordered) SELECT ?1, '[]', 0
             WHERE NOT EXISTS (SELECT 1 FROM subscriptions WHERE name = ?1)",
        )?
        .execute([subscription])?;
        let seq = insert(conn, message, id, *published, &self.checked)?;
        conn.prepare_cached(
            "INSERT INTO dead_letters (sub, seq, at, reason, status, attempts, backtrace, origin, key)
             SELECT sub, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 FROM subscriptions WHERE name = ?1",
        )?
        .insert(params![
            subscription,
            seq,
            now,
            letter.reason,
            letter.status,
            letter.attempts,
            letter.backtrace,
            self.origin(),
            letter.key,
        ])?;
        conn.prepare_cached(
            "UPDATE subscriptions SET accepted = accepted + 1, dead_lettered = dead_lettered + 1
             WHERE name = ?1",
        )?
        .execute([subscription])?;
        Ok(self.checked.size)
    }

    pub(super) fn answer(self, result: Result<(), BrokerError>) {
        // One that went away meanwhile has the message again, and again a letter.
        let _ = self.reply.send(result);
    }
}
