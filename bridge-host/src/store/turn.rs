//! Whether it is a message's turn whose key had a dead letter: answered within
//! a transaction, so that a letter that is replayed or dropped meanwhile, here
//! or by another process, is never missed. One whose turn comes later is kept
//! with its key.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::oneshot;

use super::blocked::BLOCKED;
use super::clock::unix_ms;
use super::error::Failure;
use super::feed::Feed;
use super::keep::insert;
use super::letters::{Turn, Waiting};
use super::publish::Checked;

/// Whose turn.
pub(super) enum Who {
    /// A delivery of this broker.
    Own(Arc<Feed>, i64),
    /// A message of another.
    Other(Box<Waiting>, Checked),
}

pub(super) struct TurnQuestion {
    key: String,
    who: Who,
    reply: oneshot::Sender<Result<Turn, Failure>>,
}

/// The answer, and what it wrote.
pub(super) struct Answer {
    turn: Turn,
    due: i64,
    /// Bytes that are kept by it.
    pub(super) size: u64,
}

impl TurnQuestion {
    pub(super) fn new(key: &str, who: Who, reply: oneshot::Sender<Result<Turn, Failure>>) -> Self {
        let key = key.into();
        Self { key, who, reply }
    }

    /// What it may take of the room there is.
    pub(super) fn size(&self) -> u64 {
        match &self.who {
            Who::Own(..) => 0,
            Who::Other(_, checked) => checked.footprint(),
        }
    }

    pub(super) fn apply(&self, conn: &Connection, now: i64) -> rusqlite::Result<Answer> {
        let free = Answer {
            turn: Turn::Free,
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
            (false, true) if !before && after => Turn::Now,
            (false, _) if !before && !after => Turn::Free,
            _ => Turn::Later,
        };
        if turn != Turn::Later {
            return Ok(Answer { turn, ..free });
        }
        let due = if blocked { BLOCKED } else { now.max(1) };
        let size = self.keep(conn, sub, due)?;
        Ok(Answer { turn, due, size })
    }

    fn sub(&self, conn: &Connection) -> rusqlite::Result<Option<i64>> {
        match &self.who {
            Who::Own(feed, _) => Ok(Some(feed.sub)),
            Who::Other(waiting, _) => {
                let sql = "SELECT sub FROM subscriptions WHERE name = ?1";
                let mut select = conn.prepare_cached(sql)?;
                let sub = select.query_row([&waiting.subscription], |row| row.get(0));
                sub.optional()
            }
        }
    }

    /// Whether others of its key wait, that come before it and after it.
    fn others(&self, conn: &Connection, sub: i64) -> rusqlite::Result<(bool, bool)> {
        let seq = match &self.who {
            Who::Own(_, seq) => *seq,
            Who::Other(..) => i64::MAX,
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

    /// Whether it is one of those that wait.
    fn waits(&self, conn: &Connection, sub: i64) -> rusqlite::Result<bool> {
        let Who::Own(_, seq) = &self.who else {
            return Ok(false);
        };
        let sql = "SELECT EXISTS
             (SELECT 1 FROM deliveries WHERE sub = ?1 AND seq = ?2 AND key IS NOT NULL)";
        exists(conn, sql, params![sub, seq])
    }

    /// Has it wait, and says how many bytes that took.
    fn keep(&self, conn: &Connection, sub: i64, due: i64) -> rusqlite::Result<u64> {
        let (waiting, checked) = match &self.who {
            Who::Own(_, seq) => {
                let sql = "UPDATE deliveries SET key = ?3, due = ?4 WHERE sub = ?1 AND seq = ?2";
                conn.prepare_cached(sql)?
                    .execute(params![sub, seq, self.key, due])?;
                return Ok(0);
            }
            Who::Other(waiting, checked) => (waiting, checked),
        };
        if self.is_kept(conn, sub, waiting)? {
            return Ok(0);
        }
        let Waiting {
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
        Ok(checked.footprint())
    }

    /// Whether a message of another broker waits already: it came once more.
    fn is_kept(&self, conn: &Connection, sub: i64, waiting: &Waiting) -> rusqlite::Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM deliveries d JOIN messages m ON m.seq = d.seq
             WHERE d.sub = ?1 AND d.key = ?2 AND m.id = ?3 AND m.published_at = ?4)";
        let published = unix_ms(waiting.published);
        exists(
            conn,
            sql,
            params![sub, self.key, waiting.id.as_str(), published],
        )
    }

    /// A message of another broker that is a delivery here now: of which
    /// subscription, and when it is due.
    pub(super) fn newcomer(&self, answer: &Answer) -> Option<(&str, i64)> {
        match &self.who {
            Who::Other(waiting, _) if answer.turn == Turn::Later => {
                Some((&waiting.subscription, answer.due))
            }
            _ => None,
        }
    }

    /// It is durable. Whoever asked and is gone has given the delivery back.
    pub(super) fn answer(self, result: Result<&Answer, Failure>) {
        let turn = result.as_ref().map(|answer| answer.turn);
        let turn = turn.map_err(Clone::clone);
        let kept = matches!(turn, Ok(Turn::Later));
        if let (Who::Own(feed, seq), Ok(Answer { due, .. })) = (&self.who, &result)
            && kept
        {
            feed.parked(*seq, *due);
        }
        if let (Err(_), Who::Own(feed, seq)) = (self.reply.send(turn), &self.who)
            && !kept
        {
            feed.given_back(*seq);
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
