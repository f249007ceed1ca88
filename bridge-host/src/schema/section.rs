//! A table of a config: its keys are read as they are declared, and every undeclared
//! key is a fault. `value` reads a single value.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::SourceLocation;
use super::former_names::former_name;
use super::mask;
use super::reader::Reader;
use super::setting::{Presence, Setting, Table};
use super::setting_value::SettingValue;
use super::suggest::did_you_mean;
use super::text::quote;
use super::value::Value;

/// A table that is being read.
pub struct Section<'a> {
    pub(crate) reader: &'a Reader<'a>,
    /// The name in errors: `[log]`, `` `retry` ``.
    pub(crate) name: String,
    /// Where the table begins.
    pub(crate) span: Range<usize>,
    table: &'a DeTable<'a>,
    declared: Vec<&'static Setting>,
    known: Vec<&'static str>,
    faulty: Vec<&'static str>,
}

impl<'a> Section<'a> {
    /// Creates a table with this `name` in errors, which begins at `span`.
    pub fn new(
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
            declared: Vec::new(),
            known: Vec::new(),
            faulty: Vec::new(),
        }
    }

    /// Declares the settings of a table: from now on they can be read, and are
    /// suggested for unknown keys.
    pub fn declare(&mut self, table: &'static Table) {
        for setting in table.settings() {
            if !self.known.contains(&setting.key) {
                self.known.push(setting.key);
                self.declared.push(setting);
            }
        }
    }

    /// Reads a declared setting as its type. Returns the default if the key is
    /// missing or its value is faulty; `None` if there is no default.
    pub fn read<T: SettingValue>(&mut self, key: &'static str) -> Option<T> {
        let setting = self.declared.iter().find(|it| it.key == key);
        let setting = *setting.expect("a key is declared before it is read");
        if let Some(value) = self.peek(key) {
            let before = self.reader.faults_so_far();
            let read = T::from_value(&value, &setting.kind);
            if self.reader.faults_so_far() > before {
                self.faulty.push(key);
            }
            return read.or_else(|| self.without(setting));
        }
        if let Presence::Required(help) = setting.presence {
            self.missing(key, help);
        }
        self.without(setting)
    }

    /// Returns the value of a setting that was left out.
    fn without<T: SettingValue>(&self, setting: &Setting) -> Option<T> {
        let Presence::Default(default) = setting.presence else {
            return T::absent(self.reader);
        };
        let text = format!("{} = {default}", setting.key);
        let table = DeTable::parse(&text).expect("defaults are written in TOML");
        let section = Section::new(self.reader, "", 0..0, table.get_ref());
        T::from_value(&section.peek(setting.key)?, &setting.kind)
    }

    /// Returns whether the value of this key was read and has a fault.
    pub fn is_faulty(&self, key: &str) -> bool {
        self.faulty.contains(&key)
    }

    /// Takes the value of a key, which counts as known from now on.
    pub fn take(&mut self, key: &'static str) -> Option<Value<'a>> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.peek(key)
    }

    /// Returns the value of a key as the user wrote it.
    pub fn peek(&self, key: &str) -> Option<Value<'a>> {
        let (written, value) = self.table.get_key_value(key)?;
        Some(self.value(written, value))
    }

    /// Takes all keys, for tables whose keys the user chooses.
    pub fn take_all(self) -> Vec<Value<'a>> {
        let mut all: Vec<_> = self
            .table
            .iter()
            .map(|(key, value)| self.value(key, value))
            .collect();
        all.sort_by_key(|value| value.key_span.start);
        all
    }

    fn value(&self, key: &'a Spanned<Cow<'a, str>>, value: &'a Spanned<DeValue<'a>>) -> Value<'a> {
        Value {
            reader: self.reader,
            key: key.get_ref().to_string(),
            key_span: key.span(),
            span: value.span(),
            value: value.get_ref(),
        }
    }

    /// Records that a required key is missing.
    pub fn missing(&self, key: &str, help: impl Into<String>) {
        self.reader.fault(
            self.span.clone(),
            format!("{} has no `{key}`", self.name),
            help,
        );
    }

    /// Records a fault of a key's value, or of the table if the key is missing.
    pub fn fault(&self, key: &str, what: impl Into<String>, help: impl Into<String>) {
        let span = self.peek(key).map_or(self.span.clone(), |value| value.span);
        self.reader.fault(span, what, help);
    }

    /// Returns the location where the table begins.
    pub fn location(&self) -> SourceLocation {
        self.reader.location(self.span.clone())
    }

    /// Returns the location of each value by its key, and of each element of a list by
    /// the key and a number: `chain.0`.
    pub fn locations(&self) -> BTreeMap<String, SourceLocation> {
        let mut locations = BTreeMap::new();
        for (key, value) in self.table.iter() {
            let items = value.get_ref().as_array();
            for (n, item) in items.into_iter().flat_map(|items| items.iter()).enumerate() {
                let location = self.reader.location(item.span());
                locations.insert(format!("{}.{n}", key.get_ref()), location);
            }
            let location = self.reader.location(value.span());
            locations.insert(key.get_ref().to_string(), location);
        }
        locations
    }

    /// Records a fault for each key that is not known.
    pub fn finish(self) {
        for (key, value) in self.table.iter() {
            let written: &str = key.get_ref();
            if self.known.contains(&written) {
                continue;
            }
            let mut unknown = Vec::new();
            mask::values(self.reader.text(), value, &mut unknown);
            self.reader.unknown(unknown);
            let help = former_name(&self.known, written)
                .or_else(|| did_you_mean(written, &self.known))
                .unwrap_or_else(|| format!("its keys are {}", self.known.join(", ")));
            self.reader.fault(
                key.span(),
                format!("{} is not a key of {}", quote(written), self.name),
                help,
            );
        }
    }
}

impl<'a> Value<'a> {
    /// Returns the value of this key, if this is a table that has the key; otherwise
    /// the value itself. For faults that are found later.
    pub fn key(&self, key: &str) -> Value<'a> {
        if let DeValue::Table(table) = self.value
            && let Some(value) = Section::new(self.reader, "", 0..0, table).peek(key)
        {
            return value;
        }
        self.clone()
    }

    /// Returns the values of a table in the order of the file; none if this is not a table.
    pub fn entries(&self) -> Vec<Value<'a>> {
        match self.value {
            DeValue::Table(table) => Section::new(self.reader, "", 0..0, table).take_all(),
            _ => Vec::new(),
        }
    }

    /// Returns the value as a table with this `name` in errors.
    pub fn section(&self, name: &str) -> Option<Section<'a>> {
        let DeValue::Table(table) = self.value else {
            let help = format!("write {} = {{ … }}", self.key);
            self.wrong_kind("a table", help);
            return None;
        };
        Some(Section::new(
            self.reader,
            name,
            self.key_span.clone(),
            table,
        ))
    }
}
