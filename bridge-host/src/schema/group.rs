//! Tables of settings as Rust structs. The macro that declares both at once is in
//! `settings_macro`; the description of a table alone is in `setting`.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value as Shown};
use toml::de::DeTable;

use super::environment::Environment;
use super::reader::Reader;
use super::section::Section;
use super::setting::{Kind, Table};
use super::setting_value::SettingValue;
use super::source::Source;
use super::value::Value;

/// The values of a table as `check` shows them, by their keys.
pub type ShownTable = Map<String, Shown>;

/// Settings that are read together, from a table that may have other settings, too.
pub trait Group: Sized {
    /// Their declarations.
    const TABLE: &'static Table;

    /// Reads the settings, and records every fault. The default replaces a faulty
    /// value, so that other values can be checked against it; the caller asks the
    /// reader whether there were faults. `None` if a faulty value has no default.
    fn read(section: &mut Section<'_>) -> Option<Self>;

    /// Returns the values by their keys, each as [`SettingValue::show`] returns it.
    fn show(&self) -> ShownTable;
}

/// Returns the settings of an empty table, for tables without required keys.
pub fn defaults<T: Group>() -> T {
    defaults_in(&BTreeMap::<String, String>::new())
}

/// As [`defaults`], if some defaults depend on the environment.
pub fn defaults_in<T: Group>(environment: &dyn Environment) -> T {
    let source = Source::new("", "", Vec::new());
    let reader = Reader::new(&source, environment, Path::new(""));
    let table = DeTable::new();
    let mut section = Section::new(&reader, "", 0..0, &table);
    T::read(&mut section).expect("no key of this table is required")
}

impl Value<'_> {
    /// Reads the value as a table.
    pub fn table<T: Group + SettingValue>(&self) -> Option<T> {
        T::from_value(self, &Kind::Table(T::TABLE))
    }
}
