//! What is wrong with a config, and where. How it is shown stays out: that is
//! `cli/report`.

use std::sync::Arc;

/// One fault: where it is, what was found, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where, when it is at a place of a file.
    pub place: Option<Place>,
    /// What was found, in one line.
    pub what: String,
    /// What is allowed, or how to mend it.
    pub help: Option<String>,
}

impl Fault {
    /// A fault at a place, or of no place.
    pub fn new(
        place: Option<Place>,
        what: impl Into<String>,
        help: Option<impl Into<String>>,
    ) -> Self {
        Self {
            place,
            what: what.into(),
            help: help.map(Into::into),
        }
    }
}

/// A place in a config file, with its line as it may be shown: secrets that
/// stand in the file itself are asterisks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Counts from 1.
    pub line: usize,
    /// In characters, counts from 1.
    pub column: usize,
    /// The file, as the user named it.
    pub file: Arc<str>,
    /// The line, ready to be shown.
    pub shown: Arc<str>,
    /// How many characters of `shown` stand before the place.
    pub indent: usize,
    /// How many characters of `shown` the place has; at least 1.
    pub width: usize,
}
