//! The id of a stream entry: the server's time in milliseconds, and a number within that millisecond.
//! It is not the id of the message (`message::MessageId`).

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How many bits of a dead letter's number are for the entries of one millisecond.
const SEQUENCE_BITS: u32 = 20;

/// An entry's id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EntryId {
    pub(super) millis: u64,
    pub(super) sequence: u64,
}

impl EntryId {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (millis, sequence) = text.split_once('-')?;
        Some(Self {
            millis: millis.parse().ok()?,
            sequence: sequence.parse().ok()?,
        })
    }

    /// Returns the id before this one.
    pub(super) fn before(self) -> Self {
        match (self.millis, self.sequence) {
            (millis, 1..) => Self {
                millis,
                sequence: self.sequence - 1,
            },
            (1.., 0) => Self {
                millis: self.millis - 1,
                sequence: u64::MAX,
            },
            (0, 0) => self,
        }
    }

    /// Returns when the server took the entry.
    pub(super) fn time(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.millis)
    }

    /// Returns the id as one number that keeps the order of ids. It is valid until the
    /// year 2248, for up to a million entries per millisecond.
    pub(super) fn number(self) -> i64 {
        let number = self.millis << SEQUENCE_BITS | self.sequence.min((1 << SEQUENCE_BITS) - 1);
        i64::try_from(number).unwrap_or(i64::MAX)
    }

    /// Returns the id that has this number.
    pub(super) fn of_number(number: i64) -> Self {
        let number = number.max(0).unsigned_abs();
        Self {
            millis: number >> SEQUENCE_BITS,
            sequence: number & ((1 << SEQUENCE_BITS) - 1),
        }
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.millis, self.sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> EntryId {
        EntryId::parse(text).unwrap()
    }

    #[test]
    fn ids_are_read_written_and_ordered() {
        assert_eq!(id("1526919030474-55").to_string(), "1526919030474-55");
        assert!(id("5-10") > id("5-9") && id("6-0") > id("5-10"));
        for odd in ["", "5", "5-", "-5", "5-x", "5-1-1"] {
            assert_eq!(EntryId::parse(odd), None, "{odd}");
        }
    }

    #[test]
    fn the_id_before() {
        assert_eq!(id("5-1").before(), id("5-0"));
        assert_eq!(id("5-0").before(), id(&format!("4-{}", u64::MAX)));
        assert_eq!(id("0-0").before(), id("0-0"));
    }

    #[test]
    fn numbers_grow_with_the_ids() {
        let (first, second) = (id("1795960654500-7"), id("1795960654501-0"));
        assert!(first.number() < second.number());
        assert_eq!(EntryId::of_number(first.number()), first);
    }
}
