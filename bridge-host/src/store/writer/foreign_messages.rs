//! Keeps messages of other brokers, and answers turns: each kind in one transaction. They are few,
//! and a caller waits for each.

use rusqlite::Connection;

use super::Writer;
use super::bookkeeping::save_kept;
use crate::store::clock::{millis, now_ms};
use crate::store::database::in_transaction;
use crate::store::error::StoreFailure;
use crate::store::foreign_message::KeepCommand;
use crate::store::turn::TurnRequest;

impl Writer {
    pub(super) fn keep(&mut self, keeps: Vec<KeepCommand>) {
        if keeps.is_empty() {
            return;
        }
        let size = keeps.iter().map(KeepCommand::stored_size).sum();
        let result = self.write_within_limits(size, |conn, now| {
            let mut written = 0;
            for keep in &keeps {
                written += keep.apply(conn, now)?;
            }
            Ok(((), written))
        });
        for keep in keeps {
            if let (Ok(()), Some((name, after))) = (&result, keep.new_delivery()) {
                self.announce_due(name, now_ms().saturating_add(millis(after)));
            }
            keep.answer(result.clone());
        }
    }

    pub(super) fn answer_turns(&mut self, turns: Vec<TurnRequest>) {
        if turns.is_empty() {
            return;
        }
        if self.shared.is_poisoned() {
            return self.fail_turns(turns);
        }
        let size = turns.iter().map(TurnRequest::size).sum();
        let result = self.write_within_limits(size, |conn, now| {
            let answers = turns.iter().map(|turn| turn.apply(conn, now));
            let answers = answers.collect::<rusqlite::Result<Vec<_>>>()?;
            let written = answers.iter().map(|answer| answer.size).sum();
            Ok((answers, written))
        });
        match result {
            Ok(answers) => {
                for (turn, answer) in turns.into_iter().zip(&answers) {
                    if let Some((name, due)) = turn.new_delivery(answer) {
                        self.announce_due(name, due);
                    }
                    turn.answer(Ok(answer));
                }
            }
            Err(error) => {
                for turn in turns {
                    turn.answer(Err(error.clone()));
                }
            }
        }
    }

    /// Notifies a feed of a new delivery.
    fn announce_due(&self, name: &str, due: i64) {
        let route = self.books.routes.iter().find(|route| route.name == name);
        if let Some(feed) = route.and_then(|route| route.feed.as_ref()) {
            feed.due(due);
        }
    }

    /// Runs `work` in a transaction that may add up to `size` bytes, if there is room. `work`
    /// returns the bytes that it added.
    fn write_within_limits<T>(
        &mut self,
        size: u64,
        work: impl FnOnce(&Connection, i64) -> rusqlite::Result<(T, u64)>,
    ) -> Result<T, StoreFailure> {
        if size > 0 && self.room.low {
            return Err(self.full_disk());
        }
        let (books, room) = (&mut self.books, &mut self.room);
        let written = in_transaction(&self.conn, |conn| {
            let excess = match size {
                0 => 0,
                size => books.retainer.excess(books.kept, size),
            };
            let gone = match excess {
                0 => 0,
                excess => books.retainer.make_room(conn, excess)?,
            };
            if gone < excess {
                return Ok(None);
            }
            let (done, written) = work(conn, now_ms())?;
            room.cover(conn)?;
            let kept = books.kept + written - gone;
            if kept != books.kept {
                save_kept(conn, kept)?;
            }
            Ok(Some((done, kept)))
        });
        match written {
            Ok(Some((done, kept))) => {
                if !self.files_are_intact() {
                    return Err(self.shared.check().err().unwrap_or(StoreFailure::Closed));
                }
                self.books.kept = kept;
                self.upkeep.count_kept(size);
                Ok(done)
            }
            Ok(None) => Err(self.no_room_error(size)),
            Err(error) => {
                self.books.retainer.rolled_back();
                Err(self.fault(&error).for_caller())
            }
        }
    }

    /// Answers with the error that stopped the store.
    pub(super) fn fail_keeps(&self, keeps: Vec<KeepCommand>) {
        let error = self.shared.check().err().unwrap_or(StoreFailure::Closed);
        for keep in keeps {
            keep.answer(Err(error.clone()));
        }
    }

    pub(super) fn fail_turns(&mut self, turns: Vec<TurnRequest>) {
        let error = self.shared.check().err().unwrap_or(StoreFailure::Closed);
        for turn in turns {
            turn.answer(Err(error.clone()));
        }
    }
}
