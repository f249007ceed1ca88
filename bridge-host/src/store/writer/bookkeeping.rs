//! What the writer keeps in memory about the store, and how it writes a group within a transaction.
//!
//! `group` runs the transaction.

use std::collections::HashMap;

use rusqlite::Connection;

use crate::store::clock::now_ms;
use crate::store::database::data_version;
use crate::store::error::StoreFailure;
use crate::store::ledger::Tally;
use crate::store::publish::PublishCommand;
use crate::store::quota::Quotas;
use crate::store::retention::Retainer;
use crate::store::settle::SettleCommand;
use crate::store::subscription_route::{SubscriptionRoute, reload};

/// The writer's copy of subscriptions and sizes.
pub(super) struct Bookkeeping {
    pub(super) routes: Vec<SubscriptionRoute>,
    /// The version of the database when the routes were read.
    pub(super) version: i64,
    pub(super) quotas: Quotas,
    pub(super) retainer: Retainer,
    /// The size of all messages, in bytes.
    pub(super) kept: u64,
}

/// The result of a group.
pub(super) struct CommittedGroup {
    pub(super) now: i64,
    pub(super) verdicts: Vec<PublishOutcome>,
    pub(super) kept: u64,
    /// Which routes received a message.
    pub(super) reached: Vec<bool>,
}

pub(super) enum PublishOutcome {
    Kept,
    Duplicate,
    NoRoom,
    /// All matching subscriptions have reached their quotas.
    OverQuota(StoreFailure),
}

impl Bookkeeping {
    pub(super) fn apply(
        &mut self,
        conn: &Connection,
        publishes: &[PublishCommand],
        settles: &[SettleCommand],
    ) -> rusqlite::Result<CommittedGroup> {
        self.refresh(conn)?;
        let mut tallies: HashMap<i64, Tally> = HashMap::new();
        let mut done = CommittedGroup {
            now: now_ms(),
            verdicts: Vec::with_capacity(publishes.len()),
            kept: self.kept,
            reached: vec![false; self.routes.len()],
        };
        for settle in settles {
            let tally = tallies.entry(settle.feed.sub).or_default();
            settle.apply(conn, done.now, tally)?;
            self.retainer.settled_some();
        }
        for publish in publishes {
            let verdict = self.publish(conn, publish, &mut done, &mut tallies)?;
            done.verdicts.push(verdict);
        }
        for (sub, tally) in tallies {
            tally.write(conn, sub)?;
        }
        if done.kept != self.kept {
            save_kept(conn, done.kept)?;
        }
        Ok(done)
    }

    /// Reads the subscriptions again if another process changed the database. It runs within the
    /// transaction, so that nothing is written for a removed subscription.
    pub(super) fn refresh(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        let version = data_version(conn)?;
        if version != self.version {
            reload(conn, &mut self.routes)?;
            self.version = version;
            self.retainer.settled_some();
        }
        Ok(())
    }

    fn publish(
        &mut self,
        conn: &Connection,
        publish: &PublishCommand,
        done: &mut CommittedGroup,
        tallies: &mut HashMap<i64, Tally>,
    ) -> rusqlite::Result<PublishOutcome> {
        let window_start = self.retainer.window_start(done.now);
        if publish.is_duplicate(conn, done.now, window_start)? {
            return Ok(PublishOutcome::Duplicate);
        }
        let over = match self.quotas.are_set() {
            true => self.over_quota(conn, publish)?,
            false => Vec::new(),
        };
        if let Some(error) = self.refused_by_all(publish, &over) {
            publish.forget(conn)?;
            return Ok(PublishOutcome::OverQuota(error));
        }
        let excess = self.retainer.excess(done.kept, publish.stored_size());
        if excess > 0 {
            let gone = self.retainer.make_room(conn, excess)?;
            done.kept -= gone;
            if gone < excess {
                publish.forget(conn)?;
                return Ok(PublishOutcome::NoRoom);
            }
        }
        let seq = publish.insert(conn)?;
        done.kept += publish.stored_size();
        let mut matched = false;
        for (route, reached) in self.routes.iter().zip(&mut done.reached) {
            if route.matches(publish.topic()) && !over.contains(&route.sub) {
                deliver(conn, route.sub, seq)?;
                tallies.entry(route.sub).or_default().accepted += 1;
                *reached = true;
                matched = true;
            }
        }
        if !matched {
            self.retainer.settled_some();
        }
        Ok(PublishOutcome::Kept)
    }
}

impl Bookkeeping {
    /// Returns the subscriptions that have no room for the message.
    fn over_quota(
        &mut self,
        conn: &Connection,
        publish: &PublishCommand,
    ) -> rusqlite::Result<Vec<i64>> {
        let mut over = Vec::new();
        for route in self.routes.iter().filter(|it| it.matches(publish.topic())) {
            let takes = publish.stored_size();
            if !self.quotas.has_room(conn, route.sub, &route.name, takes)? {
                over.push(route.sub);
            }
        }
        Ok(over)
    }

    /// Returns the error for the publisher if all matching subscriptions are over their quotas.
    fn refused_by_all(&self, publish: &PublishCommand, over: &[i64]) -> Option<StoreFailure> {
        let first = over.first()?;
        let mut matching = self.routes.iter().filter(|it| it.matches(publish.topic()));
        if matching.any(|it| !over.contains(&it.sub)) {
            return None;
        }
        let route = self.routes.iter().find(|it| it.sub == *first)?;
        Some(self.quotas.refusal(&route.name))
    }
}

fn deliver(conn: &Connection, sub: i64, seq: i64) -> rusqlite::Result<()> {
    let mut insert = conn
        .prepare_cached("INSERT INTO deliveries (sub, seq, attempts, due) VALUES (?1, ?2, 0, 0)")?;
    insert.execute([sub, seq])?;
    Ok(())
}

/// Writes the size of all messages. Adding up the sizes at each start would read all messages.
pub(super) fn save_kept(conn: &Connection, kept: u64) -> rusqlite::Result<()> {
    let mut update = conn.prepare_cached("UPDATE totals SET size = ?1")?;
    update.execute([kept as i64])?;
    Ok(())
}
