//! A header with several values becomes one metadata entry for each value: `name`, `name#2`, `name#3`.
//! Each broker has its own headers, and its own rules for their values.

use std::collections::{HashMap, HashSet};

/// Returns the metadata key of the value with this number, counted from 1.
pub fn key(name: &str, number: usize) -> String {
    match number {
        ..=1 => name.to_owned(),
        n => format!("{name}#{n}"),
    }
}

/// The metadata entries that become further values of another entry's header.
pub struct Folded<'a, V> {
    /// The further values, in their order, by the name of the header.
    pub values: HashMap<&'a str, Vec<V>>,
    /// Their metadata keys.
    pub further: HashSet<&'a str>,
}

impl<'a, V> Folded<'a, V> {
    /// Finds the entries to which a receiver gives the same keys again: they are
    /// numbered from 2 without a gap, and their first value is in a header, too.
    /// `header` returns a value in the form of a header, if a header can hold it.
    pub fn of(metadata: &'a [(String, String)], header: impl Fn(&str, &str) -> Option<V>) -> Self {
        let mut found = Self {
            values: HashMap::new(),
            further: HashSet::new(),
        };
        let numbered = |(key, _): &(String, String)| key.ends_with("#2");
        if !metadata.iter().any(numbered) {
            return found;
        }
        let entries = metadata.iter();
        let all: HashMap<&str, &(String, String)> =
            entries.map(|entry| (entry.0.as_str(), entry)).collect();
        let mut names: Vec<_> = metadata.iter().collect();
        // `a` comes before `a#2`, which is not a header's name if it is a value of `a`.
        names.sort_by_key(|(key, _)| key.len());
        for (name, first) in names {
            if found.further.contains(name.as_str()) || header(name, first).is_none() {
                continue;
            }
            for number in 2.. {
                let Some((key, value)) = all.get(key(name, number).as_str()) else {
                    break;
                };
                let Some(value) = header(name, value) else {
                    break;
                };
                found.further.insert(key);
                found.values.entry(name).or_default().push(value);
            }
        }
        found
    }
}
