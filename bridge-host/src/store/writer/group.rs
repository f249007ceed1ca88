//! A group of messages and settlements: written as one transaction; where one
//! of them is at fault, taken apart, so that it fails alone.

use std::time::Instant;

use super::Writer;
use super::books::{Done, Verdict};
use crate::store::database::in_transaction;
use crate::store::error::{Failure, Fault};
use crate::store::publish::Publish;
use crate::store::settle::Settle;

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
