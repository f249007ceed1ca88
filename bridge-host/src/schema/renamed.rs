//! Keys that have another name now: the fault of an old one says the new one.

/// The section as its faults call it, the old key, and where its value went.
const RENAMED: [(&str, &str, &str); 1] = [(
    "`consumer`",
    "deliver",
    "it is `start` now, a key of the subscription and not of its `consumer`: start = \"new\"",
)];

/// What became of a key that this section had once.
pub(crate) fn renamed(section: &str, key: &str) -> Option<&'static str> {
    let mut all = RENAMED.iter();
    let found = all.find(|(where_, old, _)| *where_ == section && *old == key);
    found.map(|(_, _, help)| *help)
}
