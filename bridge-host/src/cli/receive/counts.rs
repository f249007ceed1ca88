//! Counts the requests of the endpoint. Showing single requests is in `show`.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher, RandomState};

use http::StatusCode;

use crate::config::show_size;

/// Counts requests. Ids are kept as hashes, so millions of them need little memory.
#[derive(Default)]
pub(super) struct Counts {
    requests: u64,
    answered: u64,
    accepted: u64,
    duplicates: u64,
    bytes: u64,
    ids: HashSet<u64>,
    hasher: RandomState,
}

impl Counts {
    /// Counts a complete request, and returns the number of requests so far.
    pub fn arrived(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }

    /// Counts an answered request.
    pub fn answered(&mut self, status: StatusCode, id: Option<&str>, length: usize) {
        self.answered += 1;
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
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            requests,
            answered,
            accepted,
            duplicates,
            bytes,
            ..
        } = self;
        let failed = answered - accepted;
        write!(
            f,
            "{requests} requests: {accepted} accepted, {} of data, {duplicates} of them duplicates; {failed} failed",
            show_size(*bytes)
        )?;
        match requests - answered {
            0 => Ok(()),
            open => write!(f, ", {open} not answered"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_are_accepted_twice() {
        let mut counts = Counts::default();
        for (status, id) in [(503, "a"), (204, "a"), (204, "b"), (204, "a")] {
            counts.arrived();
            counts.answered(StatusCode::from_u16(status).unwrap(), Some(id), 0);
        }
        let text = counts.to_string();
        assert!(text.starts_with("4 requests: 3 accepted, "), "{text}");
        assert!(text.ends_with(", 1 of them duplicates; 1 failed"), "{text}");
        counts.arrived();
        let text = counts.to_string();
        assert!(text.starts_with("5 requests"), "{text}");
        assert!(text.ends_with("; 1 failed, 1 not answered"), "{text}");
    }
}
