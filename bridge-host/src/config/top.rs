//! One section of a config that has no required keys. Which sections there are
//! is `read`.

use crate::schema::{self, Form, Group, Section};

/// A section, or the defaults of its keys if it is not there or faulty.
pub(super) fn section<T: Group + Form>(top: &mut Section<'_>, key: &'static str) -> T {
    let read = top.read(key);
    read.unwrap_or_else(|| schema::defaults_in(top.reader.environment()))
}
