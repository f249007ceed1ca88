//! Renamed keys: the fault of an old name gives the new name.

/// The section's name in faults, the old key, and how to write the setting now.
const RENAMED: [(&str, &str, &str); 1] = [(
    "`consumer`",
    "deliver",
    "it is `start` now, a key of the subscription and not of its `consumer`: start = \"new\"",
)];

/// Returns the new form of a key that this section used to have.
pub(crate) fn renamed(section: &str, key: &str) -> Option<&'static str> {
    let mut all = RENAMED.iter();
    let found = all.find(|(where_, old, _)| *where_ == section && *old == key);
    found.map(|(_, _, help)| *help)
}
