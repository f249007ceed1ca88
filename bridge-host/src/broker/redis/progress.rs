//! The progress of a consumer group, as the server reports it: what is pending, what is left to deliver,
//! and how much of that was removed from the stream. `group` reads it.

use redis::Value;

use super::entry::{list, number, text};
use super::entry_id::EntryId;

/// The progress of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Progress {
    /// The last entry that the group delivered.
    last: EntryId,
    /// The first entry that is delivered, but not acknowledged.
    first_pending: Option<EntryId>,
    /// How many entries are delivered, but not acknowledged.
    pending: u64,
    /// How many entries are not delivered yet, if the server knows. Trimmed entries count, too.
    lag: Option<u64>,
    /// How many messages wait for a retry.
    retries: u64,
    /// How many entries the group delivered, if the server knows.
    read: Option<u64>,
    stream: StreamState,
}

/// The state of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
struct StreamState {
    /// The first entry; `None` for an empty stream.
    first: Option<EntryId>,
    /// The highest id that XDEL removed. Trimming does not change it.
    highest_deleted: EntryId,
    /// How many entries were ever added.
    added: u64,
    /// How many entries the stream has.
    length: u64,
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
            pending: count(1)?,
            lag: count(2),
            read: count(3),
            first_pending: id(4),
            stream: StreamState {
                first: id(5).filter(|first| *first != EntryId::default()),
                highest_deleted: id(6).unwrap_or_default(),
                added: count(7)?,
                length: count(8)?,
            },
            retries: count(9)?,
        })
    }

    /// Returns the last entry up to which all entries are acknowledged.
    pub(super) fn floor(&self) -> EntryId {
        self.first_pending.map_or(self.last, EntryId::before)
    }

    /// Returns how many entries were removed from the stream before the group delivered them.
    /// Entries between kept ones do not count: the server has no number for them.
    pub(super) fn removed(&self) -> u64 {
        let Self { stream, read, .. } = self;
        let next_is_kept = stream.first.is_some_and(|first| first <= self.last);
        let has_holes = stream
            .first
            .is_some_and(|first| stream.highest_deleted >= first);
        match read {
            Some(read) if !next_is_kept && !has_holes => {
                let before_the_first = stream.added.saturating_sub(stream.length);
                before_the_first.saturating_sub(*read)
            }
            _ => 0,
        }
    }

    /// Returns how many messages wait for the group, are in flight, or wait for a retry, if the
    /// server knows.
    pub(super) fn unsettled(&self) -> Option<u64> {
        let waiting = self.lag?.saturating_sub(self.removed());
        Some(waiting + self.pending + self.retries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream whose entries have the ids 1-0, 2-0 and so on. Of `added` entries, the group
    /// delivered `read`, and the last `length` are kept.
    fn progress(added: u64, length: u64, read: u64) -> Progress {
        let id = |millis| EntryId {
            millis,
            sequence: 0,
        };
        Progress {
            last: id(read),
            first_pending: None,
            pending: 0,
            lag: Some(added - read),
            retries: 0,
            read: Some(read),
            stream: StreamState {
                first: (length > 0).then(|| id(added - length + 1)),
                highest_deleted: EntryId::default(),
                added,
                length,
            },
        }
    }

    #[test]
    fn entries_that_were_trimmed_before_their_delivery_are_counted() {
        for (added, length, read, removed, unsettled) in [
            (10, 10, 3, 0, 7),
            (10, 7, 3, 0, 7),
            (10, 4, 3, 3, 4),
            (10, 0, 3, 7, 0),
            (10, 0, 10, 0, 0),
        ] {
            let progress = progress(added, length, read);
            assert_eq!(progress.removed(), removed, "{progress:?}");
            assert_eq!(progress.unsettled(), Some(unsettled), "{progress:?}");
        }
    }

    #[test]
    fn an_unknown_number_is_not_guessed() {
        let mut unknown = progress(10, 4, 3);
        unknown.read = None;
        assert_eq!(unknown.removed(), 0);
        let mut holes = progress(10, 4, 3);
        holes.stream.highest_deleted = EntryId {
            millis: 8,
            sequence: 0,
        };
        assert_eq!(holes.removed(), 0);
    }

    #[test]
    fn the_floor_is_before_the_first_pending_entry() {
        let mut progress = progress(10, 10, 5);
        assert_eq!(progress.floor(), progress.last);
        progress.first_pending = Some(EntryId {
            millis: 4,
            sequence: 1,
        });
        assert_eq!(progress.floor().to_string(), "4-0");
    }
}
