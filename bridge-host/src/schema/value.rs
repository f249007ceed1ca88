//! One value of a config, read as what it should be. A value of another kind
//! is a fault that says how to write it.

use std::fmt::Display;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeValue;

use super::reader::Reader;
use super::suggest::{did_you_mean, list};
use super::text::{Text, expand, quote};
use super::units::{self, DURATION_HELP, SIZE_HELP};

/// A key's value, or an element of a list.
#[derive(Clone)]
pub struct Value<'a> {
    pub(crate) reader: &'a Reader<'a>,
    pub(crate) key: String,
    pub(crate) key_span: Range<usize>,
    pub(crate) span: Range<usize>,
    pub(crate) value: &'a DeValue<'a>,
}

impl<'a> Value<'a> {
    /// What errors call the value: its key, quoted.
    pub fn title(&self) -> String {
        format!("`{}`", self.key)
    }

    /// Takes note of a fault of this value.
    pub fn fault(&self, what: impl Into<String>, help: impl Into<String>) {
        self.reader.fault(self.span.clone(), what, help);
    }

    /// Takes note that the value is of another kind than `wanted`.
    pub fn wrong_kind(&self, wanted: &str, help: impl Into<String>) {
        let found = match self.value {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) | DeValue::Float(_) => "a number without quotes",
            DeValue::Boolean(_) => "a truth value",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.fault(
            format!("{} has to be {wanted}, and is {found}", quote(&self.key)),
            help,
        );
    }

    /// A text, its references replaced.
    pub fn text(&self) -> Option<Text> {
        match self.value {
            DeValue::String(written) => self.expand(written),
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) => {
                self.wrong_kind("a text", "put it in quotes");
                None
            }
            _ => {
                self.wrong_kind("a text", "write \"…\"");
                None
            }
        }
    }

    fn expand(&self, written: &str) -> Option<Text> {
        expand(written, self.reader.environment())
            .map_err(|fault| self.fault(fault.what, fault.help))
            .ok()
    }

    /// A path; a relative one begins at the folder of the config file.
    pub fn path(&self) -> Option<PathBuf> {
        let text = self.text()?;
        match text.expose() {
            "" => {
                self.fault(format!("`{}` is empty", self.key), "name a file or folder");
                None
            }
            path if path.starts_with("~/") => {
                let help = format!("write \"${{HOME}}{}\"", &path[1..]);
                self.fault("`~` is not replaced in a config", help);
                None
            }
            path => Some(self.reader.folder().join(path)),
        }
    }

    /// One of a few words.
    pub fn one_of<T: Clone>(&self, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = choices.iter().find(|(word, _)| *word == text.expose());
        if found.is_none() {
            let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
            let help = did_you_mean(text.expose(), &words)
                .unwrap_or_else(|| format!("it is one of {}", list(&words)));
            self.fault(format!("`{}` cannot be {}", self.key, text.quoted()), help);
        }
        found.map(|(_, choice)| choice.clone())
    }

    /// True or false.
    pub fn flag(&self) -> Option<bool> {
        if let DeValue::Boolean(flag) = self.value {
            return Some(*flag);
        }
        self.wrong_kind("true or false", "write true or false, without quotes");
        None
    }

    /// A whole number from 1 on.
    pub fn count(&self) -> Option<u32> {
        let DeValue::Integer(number) = self.value else {
            self.wrong_kind("a whole number", format!("{} = 1, or more", self.key));
            return None;
        };
        let count = u32::from_str_radix(number.as_str(), number.radix()).ok();
        let count = count.filter(|count| *count > 0);
        if count.is_none() {
            self.fault(
                format!("`{}` cannot be {number}", self.key),
                format!("it is a whole number from 1 to {}", u32::MAX),
            );
        }
        count
    }

    /// A duration of more than nothing.
    pub fn duration(&self) -> Option<Duration> {
        let duration = self.measure("a duration", "s", DURATION_HELP, units::duration)?;
        self.more_than_nothing(duration, Duration::ZERO)
    }

    /// A size of more than nothing, in bytes.
    pub fn size(&self) -> Option<u64> {
        let size = self.measure("a size", "MiB", SIZE_HELP, units::size)?;
        self.more_than_nothing(size, 0)
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
            self.fault(format!("{} is no {}", text.quoted(), &kind[2..]), help);
        }
        read
    }

    fn more_than_nothing<T: PartialEq>(&self, found: T, nothing: T) -> Option<T> {
        if found != nothing {
            return Some(found);
        }
        let what = format!("`{}` cannot be nothing", self.key);
        self.fault(what, "it has to be more than 0");
        None
    }

    /// Whether the value is a list.
    pub fn is_list(&self) -> bool {
        matches!(self.value, DeValue::Array(_))
    }

    /// The elements of a list, which is not empty.
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

    /// What a check made of the value; its error becomes a fault.
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
