//! Metadata that was one header with several values, or would be: `name`,
//! `name#2`, `name#3`.

use std::collections::{HashMap, HashSet};

use async_nats::header::HeaderValue;

use super::header::free;

/// Which entries are further values of another one's header.
#[derive(Default)]
pub(super) struct Repeated<'a> {
    /// In their order, by the name that they are of.
    pub(super) values: HashMap<&'a str, Vec<HeaderValue>>,
    /// Their keys.
    pub(super) further: HashSet<&'a str>,
}

impl<'a> Repeated<'a> {
    /// Only what the other end makes the same keys of again: numbered from 2
    /// without a gap, behind a first value that is in a header, too.
    pub(super) fn of(metadata: &'a [(String, String)]) -> Self {
        let mut found = Self::default();
        let numbered = |(key, _): &(String, String)| key.ends_with("#2");
        if !metadata.iter().any(numbered) {
            return found;
        }
        let entries = metadata.iter();
        let all: HashMap<&str, &(String, String)> =
            entries.map(|entry| (entry.0.as_str(), entry)).collect();
        let mut names: Vec<_> = metadata.iter().collect();
        // `a` before `a#2`, which is no name if it is a value of `a`.
        names.sort_by_key(|(key, _)| key.len());
        for (name, first) in names {
            if found.further.contains(name.as_str()) || free(name, first).is_none() {
                continue;
            }
            for n in 2_u32.. {
                let Some((key, value)) = all.get(format!("{name}#{n}").as_str()) else {
                    break;
                };
                let Some((_, value)) = free(name, value) else {
                    break;
                };
                found.further.insert(key);
                found.values.entry(name).or_default().push(value);
            }
        }
        found
    }
}
