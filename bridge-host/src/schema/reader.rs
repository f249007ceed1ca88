//! The context for reading a config, and the faults found so far. `section` and `value`
//! read tables and values.

use std::cell::{Cell, OnceCell, RefCell};
use std::ops::Range;
use std::path::Path;

use super::environment::Environment;
use super::fault::{Fault, SourceLocation};
use super::source::Source;

/// A config file that is being read.
pub struct Reader<'a> {
    source: &'a Source<'a>,
    environment: &'a dyn Environment,
    folder: &'a Path,
    connections: OnceCell<Vec<String>>,
    faults: RefCell<Vec<Fault>>,
    unknown: RefCell<Vec<Range<usize>>>,
    count: Cell<usize>,
}

impl<'a> Reader<'a> {
    /// Creates a reader of this file; relative paths begin at `folder`.
    pub fn new(source: &'a Source<'a>, environment: &'a dyn Environment, folder: &'a Path) -> Self {
        Self {
            source,
            environment,
            folder,
            connections: OnceCell::new(),
            faults: RefCell::default(),
            unknown: RefCell::default(),
            count: Cell::new(0),
        }
    }

    /// Returns the source of `${NAME}`.
    pub fn environment(&self) -> &'a dyn Environment {
        self.environment
    }

    /// Returns the folder at which relative paths begin.
    pub fn folder(&self) -> &'a Path {
        self.folder
    }

    /// Returns the text of the file.
    pub fn text(&self) -> &'a str {
        self.source.text()
    }

    /// Returns the location of these bytes of the text.
    pub fn location(&self, span: Range<usize>) -> SourceLocation {
        self.source.location(span)
    }

    /// Returns the names that a value of the kind "connection" may have. Before
    /// [`Reader::set_connections`], any name is allowed.
    pub fn connections(&self) -> Option<&[String]> {
        self.connections.get().map(Vec::as_slice)
    }

    /// Sets the connections of the config. Only the first call has an effect.
    pub fn set_connections(&self, names: impl Iterator<Item = String>) {
        self.connections.get_or_init(|| names.collect());
    }

    /// Records a fault at these bytes of the text; `help` is empty if `what` says
    /// how to mend it.
    pub fn fault(&self, span: Range<usize>, what: impl Into<String>, help: impl Into<String>) {
        let help = Some(help.into()).filter(|help: &String| !help.is_empty());
        self.push(Fault::new(Some(self.location(span)), what, help));
    }

    /// Records a fault that was found elsewhere.
    pub fn push(&self, fault: Fault) {
        self.count.set(self.count.get() + 1);
        self.faults.borrow_mut().push(fault);
    }

    /// Records that these bytes are the value of an unknown key, which may be
    /// a secret.
    pub(super) fn unknown(&self, spans: Vec<Range<usize>>) {
        self.unknown.borrow_mut().extend(spans);
    }

    /// Returns the number of faults so far.
    pub fn faults_so_far(&self) -> usize {
        self.count.get()
    }

    /// Returns all faults in the order of the file, and the locations of the values of
    /// unknown keys.
    pub fn into_faults(self) -> (Vec<Fault>, Vec<Range<usize>>) {
        let mut faults = self.faults.into_inner();
        faults.sort_by_key(|fault| match &fault.location {
            Some(location) => (location.line, location.column),
            None => (usize::MAX, 0),
        });
        faults.dedup();
        (faults, self.unknown.into_inner())
    }
}
