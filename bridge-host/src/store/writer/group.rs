//! Writes a group of messages and settlements as one transaction. If one of them fails, each is
//! written alone, so that only that one fails.
//!
//! `bookkeeping` writes the rows.

use std::time::Instant;

use super::Writer;
use super::bookkeeping::{CommittedGroup, PublishOutcome};
use crate::store::database::in_transaction;
use crate::store::error::{StoreFailure, WriteFault};
use crate::store::publish::PublishCommand;
use crate::store::settle::SettleCommand;

impl Writer {
    pub(super) fn write(&mut self, publishes: Vec<PublishCommand>, settles: Vec<SettleCommand>) {
        let (books, room, start) = (&mut self.books, &mut self.room, Instant::now());
        let written = in_transaction(&self.conn, |conn| {
            let done = books.apply(conn, &publishes, &settles)?;
            if !publishes.is_empty() {
                room.cover(conn)?;
            }
            Ok(done)
        });
        match written {
            Ok(_) if !self.files_are_intact() => self.fail(publishes, settles),
            Ok(done) => {
                self.shared
                    .queue
                    .committed(publishes.len(), start.elapsed());
                self.answer(done, publishes, settles);
            }
            Err(error) => {
                self.books.retainer.rolled_back();
                match self.fault(&error) {
                    WriteFault::Fatal(_) => self.fail(publishes, settles),
                    fault @ WriteFault::Command(_) => self.write_apart(publishes, settles, &fault),
                    fault => self.write_failed(publishes, settles, &fault),
                }
            }
        }
    }

    fn answer(
        &mut self,
        done: CommittedGroup,
        publishes: Vec<PublishCommand>,
        settles: Vec<SettleCommand>,
    ) {
        self.upkeep.count_group(&publishes, settles.len());
        self.books.kept = done.kept;
        if !settles.is_empty() {
            self.shared.resume();
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
                PublishOutcome::Kept => Ok(false),
                PublishOutcome::Duplicate => Ok(true),
                PublishOutcome::OverQuota(error) => Err(error),
                PublishOutcome::NoRoom => Err(self.no_room_error(publish.stored_size())),
            };
            publish.answer(answer);
        }
    }

    /// Writes each command alone, after one command made the group fail.
    fn write_apart(
        &mut self,
        publishes: Vec<PublishCommand>,
        settles: Vec<SettleCommand>,
        fault: &WriteFault,
    ) {
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

    pub(super) fn write_more(
        &mut self,
        publishes: Vec<PublishCommand>,
        settles: Vec<SettleCommand>,
    ) {
        match self.shared.is_poisoned() {
            true => self.fail(publishes, settles),
            false => self.write(publishes, settles),
        }
    }

    /// Answers with the error that stopped the store.
    pub(super) fn fail(&self, publishes: Vec<PublishCommand>, settles: Vec<SettleCommand>) {
        let error = self.shared.check().err().unwrap_or(StoreFailure::Closed);
        fail(publishes, settles, &error);
    }
}

fn fail(publishes: Vec<PublishCommand>, settles: Vec<SettleCommand>, error: &StoreFailure) {
    for publish in publishes {
        publish.answer(Err(error.clone()));
    }
    for settle in settles {
        settle.failed(error.clone());
    }
}
