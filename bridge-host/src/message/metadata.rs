//! How much metadata a message may have, and that no key is there twice.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::keys::HOPS_KEY;

/// The most entries: each is a header of a request, and HTTP servers that take
/// more are few.
const MAX_ENTRIES: usize = 2_000;
/// The most bytes, keys and values together.
const MAX_BYTES: usize = 256 << 10;

/// Why a message has too much metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// So many entries.
    #[error(
        "a message has at most {MAX_ENTRIES} entries of metadata, this one has {0}: put some of them into the data"
    )]
    Entries(usize),
    /// So many bytes.
    #[error(
        "a message has at most {MAX_BYTES} bytes of metadata, this one has {0}: put some of it into the data"
    )]
    Bytes(usize),
}

/// Metadata as it is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MetadataSize {
    entries: usize,
    bytes: usize,
}

impl MetadataSize {
    /// Of all these entries.
    pub fn of(entries: &[(String, String)]) -> Self {
        let mut size = Self::default();
        for (key, value) in entries {
            size.add(key, value);
        }
        size
    }

    /// Counts an entry more. The hop count takes no room: the host adds it to a
    /// message that may be as large as can be.
    pub fn add(&mut self, key: &str, value: &str) {
        if key == HOPS_KEY {
            return;
        }
        self.entries += 1;
        self.bytes += key.len() + value.len();
    }

    /// Keys and values together.
    pub fn bytes(self) -> usize {
        self.bytes
    }

    /// Keys and values together, where a message may have as much.
    pub fn check(self) -> Result<usize, MetadataError> {
        match self {
            Self { entries, .. } if entries > MAX_ENTRIES => Err(MetadataError::Entries(entries)),
            Self { bytes, .. } if bytes > MAX_BYTES => Err(MetadataError::Bytes(bytes)),
            Self { bytes, .. } => Ok(bytes),
        }
    }
}

/// The entries without those that a later one overwrites. Its time grows with
/// their number, and no faster.
pub(super) fn unique(entries: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut unique: Vec<(String, String)> = Vec::with_capacity(entries.len());
    let mut places = HashMap::with_capacity(entries.len());
    for (key, value) in entries {
        match places.entry(key) {
            Entry::Occupied(place) => {
                let place: usize = *place.get();
                unique[place].1 = value;
            }
            Entry::Vacant(place) => {
                unique.push((place.key().clone(), value));
                place.insert(unique.len() - 1);
            }
        }
    }
    unique
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(count: usize, length: usize) -> Vec<(String, String)> {
        let entry = |n| (format!("{n:04}"), "x".repeat(length));
        (0..count).map(entry).collect()
    }

    #[test]
    fn so_much_and_no_more() {
        let check = |count, length| MetadataSize::of(&entries(count, length)).check();
        assert_eq!(check(0, 0), Ok(0));
        assert_eq!(check(MAX_ENTRIES, 100), Ok(208_000));
        assert_eq!(check(2_001, 0), Err(MetadataError::Entries(2_001)));
        assert_eq!(check(1, MAX_BYTES - 4), Ok(MAX_BYTES));
        assert_eq!(check(1, MAX_BYTES - 3), Err(MetadataError::Bytes(262_145)));
    }

    #[test]
    fn a_later_entry_overwrites_in_place() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let told = vec![pair("a", "1"), pair("b", "2"), pair("a", "3")];
        assert_eq!(unique(told), [pair("a", "3"), pair("b", "2")]);
    }
}
