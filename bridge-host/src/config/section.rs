//! Reading TOML by hand, so that every fault of a file is found and none
//! hides another: a section gives its keys away, and what is left at the end
//! is unknown.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{Fault, Place};
use super::load::Environment;
use super::mask;
use super::renamed::renamed;
use super::source::Source;
use super::suggest::did_you_mean;
use super::text::quote;
use super::value::Value;

/// What reading needs beside the text, and the faults found so far.
pub(super) struct Reader<'a> {
    pub(super) source: &'a Source<'a>,
    pub(super) environment: &'a dyn Environment,
    /// Relative paths begin here: the folder of the file.
    pub(super) folder: &'a Path,
    faults: RefCell<Vec<Fault>>,
    unknown: RefCell<Vec<Range<usize>>>,
    count: Cell<usize>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        source: &'a Source<'a>,
        environment: &'a dyn Environment,
        folder: &'a Path,
    ) -> Self {
        Self {
            source,
            environment,
            folder,
            faults: RefCell::default(),
            unknown: RefCell::default(),
            count: Cell::new(0),
        }
    }

    /// Takes note of a fault.
    pub(super) fn fault(
        &self,
        span: Range<usize>,
        what: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(Fault::new(
            Some(self.source.place(span)),
            what,
            Some(help.into()),
        ));
    }

    /// Takes note of a fault that was found elsewhere.
    pub(super) fn push(&self, fault: Fault) {
        self.count.set(self.count.get() + 1);
        self.faults.borrow_mut().push(fault);
    }

    /// How many faults were found so far.
    pub(super) fn faults_so_far(&self) -> usize {
        self.count.get()
    }

    /// All faults, in the order of the file, and where the values of unknown
    /// keys stand.
    pub(super) fn into_faults(self) -> (Vec<Fault>, Vec<Range<usize>>) {
        let mut faults = self.faults.into_inner();
        faults.sort_by_key(|fault| match &fault.place {
            Some(place) => (place.line, place.column),
            None => (usize::MAX, 0),
        });
        faults.dedup();
        (faults, self.unknown.into_inner())
    }
}

/// A table whose keys are taken one by one.
pub(super) struct Section<'a> {
    pub(super) reader: &'a Reader<'a>,
    /// As a reader of a message knows it: `[log]`, `retry`.
    pub(super) name: String,
    /// Where it begins.
    pub(super) span: Range<usize>,
    table: &'a DeTable<'a>,
    known: Vec<&'static str>,
}

impl<'a> Section<'a> {
    pub(super) fn new(
        reader: &'a Reader<'a>,
        name: impl Into<String>,
        span: Range<usize>,
        table: &'a DeTable<'a>,
    ) -> Self {
        Self {
            reader,
            name: name.into(),
            span,
            table,
            known: Vec::new(),
        }
    }

    /// Takes a key, which is known from now on.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Value<'a>> {
        self.known.push(key);
        self.peek(key)
    }

    /// Looks for a key that is understood, and not to be recommended.
    pub(super) fn peek(&self, key: &str) -> Option<Value<'a>> {
        let (written, value) = self.table.get_key_value(key)?;
        Some(self.value(written, value))
    }

    /// Takes all keys, for tables whose keys the user chooses.
    pub(super) fn take_all(self) -> Vec<Value<'a>> {
        let mut all: Vec<_> = self
            .table
            .iter()
            .map(|(key, value)| self.value(key, value))
            .collect();
        all.sort_by_key(|value| value.key_span.start);
        all
    }

    fn value(
        &self,
        key: &'a Spanned<std::borrow::Cow<'a, str>>,
        value: &'a Spanned<DeValue<'a>>,
    ) -> Value<'a> {
        Value {
            reader: self.reader,
            key: key.get_ref().to_string(),
            key_span: key.span(),
            span: value.span(),
            value: value.get_ref(),
        }
    }

    /// Takes note of a key that has to be there and is not.
    pub(super) fn missing(&self, key: &str, help: impl Into<String>) {
        self.reader.fault(
            self.span.clone(),
            format!("{} has no `{key}`", self.name),
            help,
        );
    }

    /// The place where the section begins.
    pub(super) fn place(&self) -> Place {
        self.reader.source.place(self.span.clone())
    }

    /// Whatever was not taken is a fault.
    pub(super) fn finish(self) {
        for (key, value) in self.table.iter() {
            let written: &str = key.get_ref();
            if self.known.contains(&written) {
                continue;
            }
            let unknown = &mut *self.reader.unknown.borrow_mut();
            mask::values(self.reader.source.text(), value, unknown);
            let help = renamed(&self.name, written)
                .map(str::to_owned)
                .or_else(|| did_you_mean(written, &self.known))
                .unwrap_or_else(|| format!("it may have: {}", self.known.join(", ")));
            self.reader.fault(
                key.span(),
                format!("{} is not a key of {}", quote(written), self.name),
                help,
            );
        }
    }
}
