//! Lays out the text of `check` for people: titles, and names with values. What is shown
//! comes from `show`.

use std::fmt::Write;

use crate::printable::printable;

/// Titles, and below them names with their values.
#[derive(Default)]
pub(super) struct Lines(String);

impl Lines {
    pub(super) fn title(&mut self, title: &str) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        self.0.push_str(&printable(title));
        self.0.push('\n');
    }

    pub(super) fn line(&mut self, name: &str, value: &str) {
        // Writing to a String does not fail.
        _ = writeln!(self.0, "  {:<26} {}", printable(name), printable(value));
    }

    pub(super) fn raw(&mut self, text: &str) {
        self.0.push_str(text);
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}
