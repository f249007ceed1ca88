//! The progress of a consumer group, as the server reports it: what is pending, what is left to deliver,
//! and how much of that was removed from the stream. `group` reads it.

use redis::Value;

use super::entry::{list, number, text};
use super::entry_id::EntryId;

/// The progress of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Progress {
    /// The last entry that the group delivered.
    last: EntryId,
    /// The first entry that is delivered, but not acknowledged.
    first_pending: Option<EntryId>,
    /// How many entries are delivered, but not acknowledged.
    pending: u64,
    /// How many entries are not delivered yet, if the server knows.
    lag: Option<u64>,
    /// How many messages wait for a retry.
    retries: u64,
    /// How many entries were removed from the stream before the group delivered them. Each is
    /// reported once.
    pub(super) removed: u64,
}

impl Progress {
    /// Parses the reply of the script `PROGRESS`. Returns `None` if the group does not exist.
    pub(super) fn parse(reply: Value) -> Option<Self> {
        let values = list(reply);
        let at = |n: usize| values.get(n).filter(|value| **value != Value::Nil);
        let id = |n| EntryId::parse(&text(at(n)?)?);
        let count = |n| number(at(n)?);
        Some(Self {
            last: id(0)?,
            first_pending: id(1),
            pending: count(2)?,
            lag: count(3),
            retries: count(4)?,
            removed: count(5)?,
        })
    }

    /// Returns the last entry up to which all entries are acknowledged.
    pub(super) fn floor(&self) -> EntryId {
        self.first_pending.map_or(self.last, EntryId::before)
    }

    /// Returns how many messages wait for the group, are in flight, or wait for a retry, if the
    /// server knows.
    pub(super) fn unsettled(&self) -> Option<u64> {
        Some(self.lag? + self.pending + self.retries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(first_pending: Value, lag: Value) -> Value {
        let last = Value::BulkString("5-1".into());
        let counts = [2, 3].map(Value::Int);
        let [pending, retries] = counts;
        Value::Array(vec![
            last,
            first_pending,
            pending,
            lag,
            retries,
            Value::Int(4),
        ])
    }

    #[test]
    fn the_floor_is_before_the_first_pending_entry() {
        let pending = Value::BulkString("4-1".into());
        let progress = Progress::parse(reply(pending, Value::Int(7))).unwrap();
        assert_eq!(progress.floor().to_string(), "4-0");
        assert_eq!((progress.unsettled(), progress.removed), (Some(12), 4));
        let progress = Progress::parse(reply(Value::Nil, Value::Nil)).unwrap();
        assert_eq!(progress.floor().to_string(), "5-1");
        assert_eq!(progress.unsettled(), None);
        assert_eq!(Progress::parse(Value::Nil), None);
    }
}
