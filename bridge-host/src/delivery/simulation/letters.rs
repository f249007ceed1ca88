//! The model's dead letters that block their key, and whoever replays or drops
//! them.

use super::model::{Entry, Model, State};
use crate::broker::KeyTurn;

impl Entry {
    /// Whether it is a dead letter that holds back those behind it.
    pub(super) fn blocks(&self) -> bool {
        matches!(&self.state, State::Dead(letter) if letter.key.is_some())
    }

    fn waits(&self) -> bool {
        self.waits && !self.state.is_final()
    }
}

impl Model {
    /// As a broker finds them at a start.
    pub(super) fn blocked_keys(&self) -> Vec<String> {
        let inner = self.lock();
        let blocked = inner.entries.iter();
        let blocked = blocked.filter(|entry| entry.blocks() || entry.waits());
        blocked
            .filter_map(|entry| Some(entry.key?.to_string()))
            .collect()
    }

    /// Nothing is pending, and no letter blocks.
    pub(super) fn is_settled(&self) -> bool {
        let inner = self.lock();
        let mut entries = inner.entries.iter();
        entries.all(|entry| entry.state.is_final() && !entry.blocks())
    }

    /// What a broker answers of this message: one whose turn comes later waits
    /// from here on, whoever has it leased.
    pub(super) fn turn(&self, index: usize, holds: bool) -> KeyTurn {
        let mut inner = self.lock();
        let key = inner.entries[index].key;
        let same = |entry: &&Entry| entry.key == key;
        let blocked = inner.entries.iter().filter(same).any(Entry::blocks);
        let before = inner.entries[..index].iter().filter(same).any(Entry::waits);
        let after = inner.entries[index + 1..]
            .iter()
            .filter(same)
            .any(Entry::waits);
        let entry = &mut inner.entries[index];
        let turn = match (blocked, before, after) {
            (false, false, false) => KeyTurn::Free,
            (false, false, true) if entry.waits => KeyTurn::Now,
            _ => KeyTurn::Later,
        };
        entry.waits |= turn == KeyTurn::Later;
        if turn == KeyTurn::Later && holds {
            entry.state = if blocked {
                State::Blocked
            } else {
                State::Ready
            };
            self.touch();
        }
        turn
    }

    /// Someone looks after the first letter that blocks: replays it, or drops it.
    pub(super) fn look_after(&self, replays: bool) {
        let mut inner = self.lock();
        let Some(index) = inner.entries.iter().position(Entry::blocks) else {
            return;
        };
        let key = inner.entries[index].key;
        let entry = &mut inner.entries[index];
        match &mut entry.state {
            State::Dead(letter) if !replays => letter.key = None,
            state => {
                *state = State::Ready;
                (entry.waits, entry.attempt, entry.first) = (true, 1, None);
            }
        }
        let same = |entry: &&mut Entry| entry.key == key;
        if inner
            .entries
            .iter()
            .any(|entry| entry.key == key && entry.blocks())
        {
            return;
        }
        for entry in inner.entries.iter_mut().filter(same) {
            if entry.state == State::Blocked {
                entry.state = State::Ready;
            }
        }
        self.touch();
    }
}
