//! What arrived in all.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher, RandomState};

use http::StatusCode;

use crate::config::show_size;

/// Counts requests. Ids are kept as hashes: a count of millions has room.
#[derive(Default)]
pub(super) struct Counts {
    requests: u64,
    accepted: u64,
    duplicates: u64,
    bytes: u64,
    ids: HashSet<u64>,
    hasher: RandomState,
}

impl Counts {
    /// Counts one request.
    pub fn add(&mut self, status: StatusCode, id: Option<&str>, length: usize) {
        self.requests += 1;
        if !status.is_success() {
            return;
        }
        self.accepted += 1;
        self.bytes += length as u64;
        if let Some(id) = id
            && !self.ids.insert(self.hasher.hash_one(id))
        {
            self.duplicates += 1;
        }
    }

    /// How many there were.
    pub fn requests(&self) -> u64 {
        self.requests
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            requests,
            accepted,
            duplicates,
            bytes,
            ..
        } = self;
        let failed = requests - accepted;
        write!(
            f,
            "{requests} requests: {accepted} accepted, {} of data, {duplicates} of them duplicates; {failed} failed",
            show_size(*bytes)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_are_accepted_twice() {
        let mut counts = Counts::default();
        for (status, id) in [(503, "a"), (204, "a"), (204, "b"), (204, "a")] {
            counts.add(StatusCode::from_u16(status).unwrap(), Some(id), 0);
        }
        let text = counts.to_string();
        assert!(text.starts_with("4 requests: 3 accepted, "), "{text}");
        assert!(text.ends_with(", 1 of them duplicates; 1 failed"), "{text}");
    }
}
