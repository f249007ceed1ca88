//! Reads a section without required keys. The sections of a config are in `read`.

use crate::schema::{self, Group, Section, SettingValue};

/// Reads a section. Returns the defaults if the section is missing or has errors.
pub(super) fn section<T: Group + SettingValue>(top: &mut Section<'_>, key: &'static str) -> T {
    let read = top.read(key);
    read.unwrap_or_else(|| schema::defaults_in(top.reader.environment()))
}
