//! Decides whether a message may be delivered, or a dead letter of its key blocks it. The decision
//! is made in a transaction, so that it sees every replay or drop by another process. A message
//! that must wait is kept with its key.
//!
//! `blocked_keys` releases keys.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::oneshot;

use super::blocked_keys::BLOCKED;
use super::clock::unix_ms;
use super::error::StoreFailure;
use super::feed::Feed;
use super::foreign_message::insert;
use super::kept_message::{KeyTurn, KeyedMessage};
use super::publish::CheckedMessage;

/// The message that asks for its turn.
pub(super) enum TurnCandidate {
    /// A delivery of this store, with its `seq`.
    Delivery(Arc<Feed>, i64),
    /// A message of another broker.
    Message(Box<KeyedMessage>, CheckedMessage),
}

pub(super) struct TurnRequest {
    key: String,
    who: TurnCandidate,
    reply: oneshot::Sender<Result<KeyTurn, StoreFailure>>,
}

/// The answer, and what was written for it.
pub(super) struct TurnAnswer {
    turn: KeyTurn,
    due: i64,
    /// The bytes that were added.
    pub(super) size: u64,
}

impl TurnRequest {
    pub(super) fn new(
        key: &str,
        who: TurnCandidate,
        reply: oneshot::Sender<Result<KeyTurn, StoreFailure>>,
    ) -> Self {
        let key = key.into();
        Self { key, who, reply }
    }

    /// Returns the bytes that the message may add.
    pub(super) fn size(&self) -> u64 {
        match &self.who {
            TurnCandidate::Delivery(..) => 0,
            TurnCandidate::Message(_, checked) => checked.stored_size(),
        }
    }

    pub(super) fn apply(&self, conn: &Connection, now: i64) -> rusqlite::Result<TurnAnswer> {
        let free = TurnAnswer {
            turn: KeyTurn::Free,
            due: 0,
            size: 0,
        };
        let Some(sub) = self.sub(conn)? else {
            return Ok(free);
        };
        let blocked = exists(
            conn,
            "SELECT EXISTS (SELECT 1 FROM dead_letters WHERE sub = ?1 AND key = ?2)",
            params![sub, self.key],
        )?;
        let (before, after) = self.others(conn, sub)?;
        let waits = self.waits(conn, sub)?;
        let turn = match (blocked, waits) {
            (false, true) if !before && after => KeyTurn::Now,
            (false, _) if !before && !after => KeyTurn::Free,
            _ => KeyTurn::Later,
        };
        if turn != KeyTurn::Later {
            return Ok(TurnAnswer { turn, ..free });
        }
        let due = if blocked { BLOCKED } else { now.max(1) };
        let size = self.keep(conn, sub, due)?;
        Ok(TurnAnswer { turn, due, size })
    }

    fn sub(&self, conn: &Connection) -> rusqlite::Result<Option<i64>> {
        match &self.who {
            TurnCandidate::Delivery(feed, _) => Ok(Some(feed.sub)),
            TurnCandidate::Message(waiting, _) => {
                let sql = "SELECT sub FROM subscriptions WHERE name = ?1";
                let mut select = conn.prepare_cached(sql)?;
                let sub = select.query_row([&waiting.subscription], |row| row.get(0));
                sub.optional()
            }
        }
    }

    /// Returns whether other messages of the key wait before it, and after it.
    fn others(&self, conn: &Connection, sub: i64) -> rusqlite::Result<(bool, bool)> {
        let seq = match &self.who {
            TurnCandidate::Delivery(_, seq) => *seq,
            TurnCandidate::Message(..) => i64::MAX,
        };
        let before = "SELECT EXISTS
             (SELECT 1 FROM deliveries WHERE sub = ?1 AND key = ?2 AND seq < ?3)";
        let after = "SELECT EXISTS
             (SELECT 1 FROM deliveries WHERE sub = ?1 AND key = ?2 AND seq > ?3)";
        Ok((
            exists(conn, before, params![sub, self.key, seq])?,
            exists(conn, after, params![sub, self.key, seq])?,
        ))
    }

    /// Returns whether the delivery waits for its key already.
    fn waits(&self, conn: &Connection, sub: i64) -> rusqlite::Result<bool> {
        let TurnCandidate::Delivery(_, seq) = &self.who else {
            return Ok(false);
        };
        let sql = "SELECT EXISTS
             (SELECT 1 FROM deliveries WHERE sub = ?1 AND seq = ?2 AND key IS NOT NULL)";
        exists(conn, sql, params![sub, seq])
    }

    /// Makes the message wait. Returns the bytes that were added.
    fn keep(&self, conn: &Connection, sub: i64, due: i64) -> rusqlite::Result<u64> {
        let (waiting, checked) = match &self.who {
            TurnCandidate::Delivery(_, seq) => {
                let sql = "UPDATE deliveries SET key = ?3, due = ?4 WHERE sub = ?1 AND seq = ?2";
                conn.prepare_cached(sql)?
                    .execute(params![sub, seq, self.key, due])?;
                return Ok(0);
            }
            TurnCandidate::Message(waiting, checked) => (waiting, checked),
        };
        if self.is_kept(conn, sub, waiting)? {
            return Ok(0);
        }
        let KeyedMessage {
            message,
            id,
            published,
            ..
        } = &**waiting;
        let seq = insert(conn, message, id, *published, checked)?;
        conn.prepare_cached(
            "INSERT INTO deliveries (sub, seq, attempts, due, key) VALUES (?1, ?2, 0, ?3, ?4)",
        )?
        .execute(params![sub, seq, due, self.key])?;
        conn.prepare_cached("UPDATE subscriptions SET accepted = accepted + 1 WHERE sub = ?1")?
            .execute([sub])?;
        Ok(checked.stored_size())
    }

    /// Returns whether the message is stored already, because it was delivered twice.
    fn is_kept(
        &self,
        conn: &Connection,
        sub: i64,
        waiting: &KeyedMessage,
    ) -> rusqlite::Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM deliveries d JOIN messages m ON m.seq = d.seq
             WHERE d.sub = ?1 AND d.key = ?2 AND m.id = ?3 AND m.published_at = ?4)";
        let published = unix_ms(waiting.published);
        exists(
            conn,
            sql,
            params![sub, self.key, waiting.id.as_str(), published],
        )
    }

    /// Returns the subscription and the due time of a message that is now a delivery of this store.
    pub(super) fn new_delivery(&self, answer: &TurnAnswer) -> Option<(&str, i64)> {
        match &self.who {
            TurnCandidate::Message(waiting, _) if answer.turn == KeyTurn::Later => {
                Some((&waiting.subscription, answer.due))
            }
            _ => None,
        }
    }

    /// Called once the answer is durable. If the caller has gone, the delivery is returned.
    pub(super) fn answer(self, result: Result<&TurnAnswer, StoreFailure>) {
        let turn = result.as_ref().map(|answer| answer.turn);
        let turn = turn.map_err(Clone::clone);
        let kept = matches!(turn, Ok(KeyTurn::Later));
        if let (TurnCandidate::Delivery(feed, seq), Ok(TurnAnswer { due, .. })) =
            (&self.who, &result)
            && kept
        {
            feed.parked(*seq, *due);
        }
        if let (Err(_), TurnCandidate::Delivery(feed, seq)) = (self.reply.send(turn), &self.who)
            && !kept
        {
            feed.returned(*seq);
        }
    }
}

fn exists(
    conn: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> rusqlite::Result<bool> {
    conn.prepare_cached(sql)?
        .query_row(parameters, |row| row.get(0))
}
