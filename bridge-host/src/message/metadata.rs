//! Limits the size of a message's metadata, and makes its keys unique. The metadata
//! itself is in `message`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::keys::HOPS_KEY;

/// The most entries: each becomes a header of a request, and few HTTP servers accept
/// more headers.
const MAX_ENTRIES: usize = 2_000;
/// The most bytes, keys and values together.
const MAX_BYTES: usize = 256 << 10;

/// Why a message has too much metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// The number of entries.
    #[error(
        "a message has at most {MAX_ENTRIES} entries of metadata, this one has {0}: put some of them into the data"
    )]
    Entries(usize),
    /// The number of bytes.
    #[error(
        "a message has at most {MAX_BYTES} bytes of metadata, this one has {0}: put some of it into the data"
    )]
    Bytes(usize),
}

/// The size of metadata.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MetadataSize {
    entries: usize,
    bytes: usize,
}

impl MetadataSize {
    /// Returns the size of these entries.
    pub fn of(entries: &[(String, String)]) -> Self {
        let mut size = Self::default();
        for (key, value) in entries {
            size.add(key, value);
        }
        size
    }

    /// Adds an entry. The hop count has no size, because the host adds it to messages that
    /// have reached the limit, too.
    pub fn add(&mut self, key: &str, value: &str) {
        if key == HOPS_KEY {
            return;
        }
        self.entries += 1;
        self.bytes += key.len() + value.len();
    }

    /// Returns the bytes of keys and values together.
    pub fn bytes(self) -> usize {
        self.bytes
    }

    /// Returns the bytes of keys and values together, or an error if a message may not
    /// have as many.
    pub fn check(self) -> Result<usize, MetadataError> {
        match self {
            Self { entries, .. } if entries > MAX_ENTRIES => Err(MetadataError::Entries(entries)),
            Self { bytes, .. } if bytes > MAX_BYTES => Err(MetadataError::Bytes(bytes)),
            Self { bytes, .. } => Ok(bytes),
        }
    }
}

/// Returns the entries with unique keys: a later value replaces an earlier one. Takes
/// linear time.
pub(super) fn unique(entries: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut unique: Vec<(String, String)> = Vec::with_capacity(entries.len());
    let mut positions = HashMap::with_capacity(entries.len());
    for (key, value) in entries {
        match positions.entry(key) {
            Entry::Occupied(position) => {
                let position: usize = *position.get();
                unique[position].1 = value;
            }
            Entry::Vacant(position) => {
                unique.push((position.key().clone(), value));
                position.insert(unique.len() - 1);
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
    fn metadata_has_limits() {
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
        let entries = vec![pair("a", "1"), pair("b", "2"), pair("a", "3")];
        assert_eq!(unique(entries), [pair("a", "3"), pair("b", "2")]);
    }
}
