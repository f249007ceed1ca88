//! A group of messages and settlements: written as one transaction; where one
//! of them is at fault, taken apart, so that it fails alone.

use std::collections::HashMap;
use std::time::Instant;

use rusqlite::Connection;

use super::Writer;
use crate::store::clock::now_ms;
use crate::store::database::{data_version, in_transaction};
use crate::store::error::{Failure, Fault};
use crate::store::join::{Route, reload};
use crate::store::ledger::Tally;
use crate::store::publish::Publish;
use crate::store::quota::Quotas;
use crate::store::retention::Retainer;
use crate::store::settle::Settle;

/// What the writer knows of the store without asking it.
pub(super) struct Books {
    pub(super) routes: Vec<Route>,
    /// Of the database, when the routes were read.
    pub(super) version: i64,
    pub(super) quotas: Quotas,
    pub(super) retainer: Retainer,
    /// All messages together, in bytes.
    pub(super) kept: u64,
}

/// A group that is on the disk.
struct Done {
    now: i64,
    verdicts: Vec<Verdict>,
    kept: u64,
    /// Which routes have something new.
    reached: Vec<bool>,
}

enum Verdict {
    Kept,
    Duplicate,
    NoRoom,
    /// All that match are at their quotas, such as this one.
    OverQuota(Failure),
}

impl Writer {
    pub(super) fn write(&mut self, publishes: Vec<Publish>, settles: Vec<Settle>) {
        let (books, room, start) = (&mut self.books, &mut self.room, Instant::now());
        let written = in_transaction(&self.conn, |conn| {
            let done = books.apply(conn, &publishes, &settles)?;
            if !publishes.is_empty() {
                room.cover(conn)?;
            }
            Ok(done)
        });
        match written {
            Ok(_) if !self.finds_its_files() => self.fail(publishes, settles),
            Ok(done) => {
                self.shared
                    .queue
                    .committed(publishes.len(), start.elapsed());
                self.answer(done, publishes, settles);
            }
            Err(error) => {
                self.books.retainer.undone();
                match self.fault(&error) {
                    Fault::Fatal(_) => self.fail(publishes, settles),
                    fault @ Fault::Command(_) => self.write_apart(publishes, settles, &fault),
                    fault => self.hold_up(publishes, settles, &fault),
                }
            }
        }
    }

    fn answer(&mut self, done: Done, publishes: Vec<Publish>, settles: Vec<Settle>) {
        self.upkeep.wrote(&publishes, settles.len());
        self.books.kept = done.kept;
        if !settles.is_empty() {
            self.shared.go_on();
        }
        for settle in settles {
            settle.done(done.now);
        }
        let routes = self.books.routes.iter().zip(done.reached);
        for feed in routes.filter_map(|(route, reached)| route.feed.as_ref().filter(|_| reached)) {
            feed.arrived();
        }
        for (publish, verdict) in publishes.into_iter().zip(done.verdicts) {
            let answer = match verdict {
                Verdict::Kept => Ok(false),
                Verdict::Duplicate => Ok(true),
                Verdict::OverQuota(error) => Err(error),
                Verdict::NoRoom => Err(self.refused(publish.footprint())),
            };
            publish.answer(answer);
        }
    }

    /// One of the group is at fault, and nothing of it is written.
    fn write_apart(&mut self, publishes: Vec<Publish>, settles: Vec<Settle>, fault: &Fault) {
        if publishes.len() + settles.len() <= 1 {
            fail(publishes, Vec::new(), &fault.for_caller());
            return settles.into_iter().for_each(|it| self.try_later(it, fault));
        }
        if publishes.is_empty() {
            for settle in settles {
                self.write_more(Vec::new(), vec![settle]);
            }
            return;
        }
        if !settles.is_empty() {
            self.write_more(Vec::new(), settles);
        }
        for publish in publishes {
            self.write_more(vec![publish], Vec::new());
        }
    }

    pub(super) fn write_more(&mut self, publishes: Vec<Publish>, settles: Vec<Settle>) {
        match self.shared.is_poisoned() {
            true => self.fail(publishes, settles),
            false => self.write(publishes, settles),
        }
    }

    /// The store is poisoned, and says so.
    pub(super) fn fail(&self, publishes: Vec<Publish>, settles: Vec<Settle>) {
        let error = self.shared.check().err().unwrap_or(Failure::Closed);
        fail(publishes, settles, &error);
    }
}

fn fail(publishes: Vec<Publish>, settles: Vec<Settle>, error: &Failure) {
    for publish in publishes {
        publish.answer(Err(error.clone()));
    }
    for settle in settles {
        settle.failed(error.clone());
    }
}

impl Books {
    fn apply(
        &mut self,
        conn: &Connection,
        publishes: &[Publish],
        settles: &[Settle],
    ) -> rusqlite::Result<Done> {
        self.refresh(conn)?;
        let mut tallies: HashMap<i64, Tally> = HashMap::new();
        let mut done = Done {
            now: now_ms(),
            verdicts: Vec::with_capacity(publishes.len()),
            kept: self.kept,
            reached: vec![false; self.routes.len()],
        };
        for settle in settles {
            let tally = tallies.entry(settle.feed.sub).or_default();
            settle.apply(conn, done.now, tally)?;
            self.retainer.look_again();
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

    /// Another process forgets subscriptions, and drops dead letters. Looked at
    /// within the transaction, so that nothing is written for one that is gone.
    pub(super) fn refresh(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        let version = data_version(conn)?;
        if version != self.version {
            reload(conn, &mut self.routes)?;
            self.version = version;
            self.retainer.look_again();
        }
        Ok(())
    }

    fn publish(
        &mut self,
        conn: &Connection,
        publish: &Publish,
        done: &mut Done,
        tallies: &mut HashMap<i64, Tally>,
    ) -> rusqlite::Result<Verdict> {
        let window_start = self.retainer.window_start(done.now);
        if publish.is_duplicate(conn, done.now, window_start)? {
            return Ok(Verdict::Duplicate);
        }
        let over = match self.quotas.are_set() {
            true => self.over_quota(conn, publish)?,
            false => Vec::new(),
        };
        if let Some(error) = self.nobody_left(publish, &over) {
            publish.forget(conn)?;
            return Ok(Verdict::OverQuota(error));
        }
        let excess = self.retainer.excess(done.kept, publish.footprint());
        if excess > 0 {
            let gone = self.retainer.make_room(conn, excess)?;
            done.kept -= gone;
            if gone < excess {
                publish.forget(conn)?;
                return Ok(Verdict::NoRoom);
            }
        }
        let seq = publish.insert(conn)?;
        done.kept += publish.footprint();
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
            self.retainer.look_again();
        }
        Ok(Verdict::Kept)
    }
}

impl Books {
    /// The subscriptions that the message is not kept for.
    fn over_quota(&mut self, conn: &Connection, publish: &Publish) -> rusqlite::Result<Vec<i64>> {
        let mut over = Vec::new();
        for route in self.routes.iter().filter(|it| it.matches(publish.topic())) {
            let takes = publish.footprint();
            if !self.quotas.has_room(conn, route.sub, &route.name, takes)? {
                over.push(route.sub);
            }
        }
        Ok(over)
    }

    /// Why the message is refused, where all that it matches are among these.
    fn nobody_left(&self, publish: &Publish, over: &[i64]) -> Option<Failure> {
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

/// Keeps the sum of all sizes beside the messages, as adding it up at each
/// start would read them all.
pub(super) fn save_kept(conn: &Connection, kept: u64) -> rusqlite::Result<()> {
    let mut update = conn.prepare_cached("UPDATE totals SET size = ?1")?;
    update.execute([kept as i64])?;
    Ok(())
}
