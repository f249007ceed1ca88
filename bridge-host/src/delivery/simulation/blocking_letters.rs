//! The model's dead letters that block their key, and the operator who replays or
//! drops them.

use super::model::{Entry, Model, State};
use crate::broker::KeyTurn;

impl Entry {
    /// Returns whether this is a dead letter that blocks its key.
    pub(super) fn blocks(&self) -> bool {
        matches!(&self.state, State::Dead(letter) if letter.key.is_some())
    }

    fn waits(&self) -> bool {
        self.waits && !self.state.is_final()
    }
}

impl Model {
    /// Returns the blocked keys, as a broker does at its start.
    pub(super) fn blocked_keys(&self) -> Vec<String> {
        let inner = self.lock();
        let blocked = inner.entries.iter();
        let blocked = blocked.filter(|entry| entry.blocks() || entry.waits());
        blocked
            .filter_map(|entry| Some(entry.key?.to_string()))
            .collect()
    }

    /// Returns whether nothing is pending and no dead letter blocks a key.
    pub(super) fn is_settled(&self) -> bool {
        let inner = self.lock();
        let mut entries = inner.entries.iter();
        entries.all(|entry| entry.state.is_final() && !entry.blocks())
    }

    /// Answers whose turn it is, as a broker does. A message whose turn comes
    /// later waits from then on, whichever engine leases it.
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
            self.notify();
        }
        turn
    }

    /// Replays or drops the first dead letter that blocks its key.
    pub(super) fn replay_or_drop(&self, replays: bool) {
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
        self.notify();
    }
}
