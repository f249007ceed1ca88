//! An error in a config, and its location. `cli/report` renders it.

use std::sync::Arc;

/// One fault: its location, what was found, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The location, if the fault is in a file.
    pub location: Option<SourceLocation>,
    /// What was found, in one line.
    pub what: String,
    /// What is allowed, or how to mend it.
    pub help: Option<String>,
}

impl Fault {
    /// Creates a fault, with or without a location.
    pub fn new(
        location: Option<SourceLocation>,
        what: impl Into<String>,
        help: Option<impl Into<String>>,
    ) -> Self {
        Self {
            location,
            what: what.into(),
            help: help.map(Into::into),
        }
    }
}

/// A location in a config file, with its line in a form that may be shown: secrets in
/// the file are replaced by asterisks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceLocation {
    /// Counts from 1.
    pub line: usize,
    /// In characters, counts from 1.
    pub column: usize,
    /// The file, as the user named it.
    pub file: Arc<str>,
    /// The line, ready to be shown.
    pub shown: Arc<str>,
    /// How many characters of `shown` are before the location.
    pub indent: usize,
    /// How many characters of `shown` the location covers; at least 1.
    pub width: usize,
}
