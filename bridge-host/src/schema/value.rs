//! One value of a config, which is read as a type. A value of another type is an error
//! that says how to write it. Limits of values stay out: `setting_value` checks them.

use std::fmt::Display;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeValue;

use super::reader::Reader;
use super::suggest::{did_you_mean, list};
use super::text::{Text, expand, quote};
use super::units::{self, DURATION_HELP, SIZE_HELP};

/// The value of a key, or an element of a list.
#[derive(Clone)]
pub struct Value<'a> {
    pub(crate) reader: &'a Reader<'a>,
    pub(crate) key: String,
    pub(crate) key_span: Range<usize>,
    pub(crate) span: Range<usize>,
    pub(crate) value: &'a DeValue<'a>,
}

impl<'a> Value<'a> {
    /// Returns the name of the value in errors: its key, quoted.
    pub fn title(&self) -> String {
        format!("`{}`", self.key)
    }

    /// Records an error about this value. `help` says what to do.
    pub fn fault(&self, what: impl Into<String>, help: impl Into<String>) {
        self.reader.fault(self.span.clone(), what, help);
    }

    /// Records that the value is not of the type `wanted`, such as "a list".
    pub fn wrong_kind(&self, wanted: &str, help: impl Into<String>) {
        let found = match self.value {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) | DeValue::Float(_) => "a number without quotes",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.fault(
            format!("{} must be {wanted}, but is {found}", quote(&self.key)),
            help,
        );
    }

    /// Reads a string, and replaces its references to environment variables.
    pub fn text(&self) -> Option<Text> {
        match self.value {
            DeValue::String(written) => self.expand(written),
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) => {
                self.wrong_kind("a string", "put it in quotes");
                None
            }
            _ => {
                self.wrong_kind("a string", "write \"…\"");
                None
            }
        }
    }

    fn expand(&self, written: &str) -> Option<Text> {
        expand(written, self.reader.environment())
            .map_err(|fault| self.fault(fault.what, fault.help))
            .ok()
    }

    /// Reads a path. A relative path begins at the folder of the config file.
    pub fn path(&self) -> Option<PathBuf> {
        let text = self.text()?;
        match text.expose() {
            "" => {
                self.fault(format!("`{}` is empty", self.key), "name a file or folder");
                None
            }
            path if path.starts_with("~/") => {
                let help = format!("write \"${{HOME}}{}\"", &path[1..]);
                self.fault("`~` does not stand for the home folder in a config", help);
                None
            }
            path => Some(self.reader.folder().join(path)),
        }
    }

    /// Reads one of a few words.
    pub fn one_of<T: Clone>(&self, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = choices.iter().find(|(word, _)| *word == text.expose());
        if found.is_none() {
            let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
            let help = did_you_mean(text.expose(), &words)
                .unwrap_or_else(|| format!("use one of {}", list(&words)));
            self.fault(format!("`{}` cannot be {}", self.key, text.quoted()), help);
        }
        found.map(|(_, choice)| choice.clone())
    }

    /// Reads `true` or `false`.
    pub fn flag(&self) -> Option<bool> {
        if let DeValue::Boolean(flag) = self.value {
            return Some(*flag);
        }
        self.wrong_kind("true or false", "write true or false, without quotes");
        None
    }

    /// Reads a whole number from 1 on.
    pub fn count(&self) -> Option<u32> {
        let DeValue::Integer(number) = self.value else {
            self.wrong_kind("a whole number", format!("write {} = 1, or more", self.key));
            return None;
        };
        let count = u32::from_str_radix(number.as_str(), number.radix()).ok();
        let count = count.filter(|count| *count > 0);
        if count.is_none() {
            self.fault(
                format!("`{}` cannot be {number}", self.key),
                format!("use a whole number from 1 to {}", u32::MAX),
            );
        }
        count
    }

    /// Reads a duration greater than zero.
    pub fn duration(&self) -> Option<Duration> {
        let duration = self.measure("a duration", "s", DURATION_HELP, units::duration)?;
        self.greater_than_zero(duration, Duration::ZERO)
    }

    /// Reads a size greater than zero, in bytes.
    pub fn size(&self) -> Option<u64> {
        let size = self.measure("a size", "MiB", SIZE_HELP, units::size)?;
        self.greater_than_zero(size, 0)
    }

    fn measure<T>(
        &self,
        kind: &str,
        unit: &str,
        help: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        if let DeValue::Integer(number) = self.value {
            let help = format!("give it a unit, in quotes, such as \"{number}{unit}\"");
            self.wrong_kind(kind, help);
            return None;
        }
        if !matches!(self.value, DeValue::String(_)) {
            self.wrong_kind(kind, help);
            return None;
        }
        let text = self.text()?;
        let read = read(text.expose());
        if read.is_none() {
            self.fault(format!("{} is not {kind}", text.quoted()), help);
        }
        read
    }

    fn greater_than_zero<T: PartialEq>(&self, found: T, zero: T) -> Option<T> {
        if found != zero {
            return Some(found);
        }
        let what = format!("`{}` must be greater than zero", self.key);
        self.fault(what, "");
        None
    }

    /// Returns whether the value is a list.
    pub fn is_list(&self) -> bool {
        matches!(self.value, DeValue::Array(_))
    }

    /// Reads the elements of a list that is not empty.
    pub fn list(&self, help: &str) -> Option<Vec<Value<'a>>> {
        let DeValue::Array(items) = self.value else {
            self.wrong_kind("a list", help);
            return None;
        };
        if items.is_empty() {
            self.fault(format!("`{}` is an empty list", self.key), help);
            return None;
        }
        let item = |(n, item): (usize, &'a toml::Spanned<DeValue<'a>>)| Value {
            reader: self.reader,
            key: format!("{}[{n}]", self.key),
            key_span: self.key_span.clone(),
            span: item.span(),
            value: item.get_ref(),
        };
        Some(items.iter().enumerate().map(item).collect())
    }

    /// Returns the result of a check of this value, and records its error.
    pub fn checked<T, E: Display>(
        &self,
        text: &Text,
        result: Result<T, E>,
        help: &str,
    ) -> Option<T> {
        result
            .map_err(|error| self.fault(text.hide_in(&error.to_string()), help))
            .ok()
    }
}
