//! The types that a value can be read as. Tables are in `group`, secrets in
//! `secret`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value as Shown;

use super::reader::Reader;
use super::setting::{Bound, Bounds, Kind};
use super::suggest::{did_you_mean, list};
use super::text::Text;
use super::units::{show_size, write_duration};
use super::value::Value;
use crate::message::TopicPattern;

/// A type that the value of a setting is read as.
pub trait SettingValue: Sized {
    /// Reads a value that was declared to be of this kind, and records its faults.
    /// `None` if no part of the value is usable.
    fn from_value(value: &Value<'_>, kind: &Kind) -> Option<Self>;

    /// Returns the value as `check` shows it: secrets as asterisks, and a reference to
    /// the environment as the user wrote it.
    fn show(&self) -> Shown;

    /// Returns the value of a setting that was left out and has no default.
    fn absent(_reader: &Reader<'_>) -> Option<Self> {
        None
    }
}

/// A type whose values are written as one of a few words, such as an enum.
pub trait Words: Clone + PartialEq + 'static {
    /// The words and the values that they stand for.
    const WORDS: &'static [(&'static str, Self)];

    /// Returns the words alone.
    fn words() -> Vec<&'static str> {
        Self::WORDS.iter().map(|(word, _)| *word).collect()
    }
}

impl<T: Words> SettingValue for T {
    fn from_value(value: &Value<'_>, _: &Kind) -> Option<Self> {
        value.one_of(Self::WORDS)
    }

    fn show(&self) -> Shown {
        let named = Self::WORDS.iter().find(|(_, value)| value == self);
        named.map_or(Shown::Null, |(word, _)| (*word).into())
    }
}

impl<T: SettingValue> SettingValue for Option<T> {
    fn from_value(value: &Value<'_>, kind: &Kind) -> Option<Self> {
        T::from_value(value, kind).map(Some)
    }

    fn show(&self) -> Shown {
        self.as_ref().map_or(Shown::Null, T::show)
    }

    fn absent(_: &Reader<'_>) -> Option<Self> {
        Some(None)
    }
}

impl<T: SettingValue> SettingValue for Vec<T> {
    fn from_value(value: &Value<'_>, kind: &Kind) -> Option<Self> {
        let (of, items) = match kind {
            Kind::List(of, help) => (of, value.list(help)?),
            Kind::OneOrMore(of, help) if value.is_list() => (of, value.list(help)?),
            Kind::OneOrMore(of, _) => (of, vec![value.clone()]),
            _ => return None,
        };
        Some(
            items
                .iter()
                .filter_map(|item| T::from_value(item, of))
                .collect(),
        )
    }

    fn show(&self) -> Shown {
        self.iter().map(T::show).collect()
    }

    fn absent(_: &Reader<'_>) -> Option<Self> {
        Some(Self::new())
    }
}

impl<T: SettingValue> SettingValue for BTreeMap<String, T> {
    fn from_value(value: &Value<'_>, kind: &Kind) -> Option<Self> {
        let Kind::Map(of) = kind else {
            return None;
        };
        let items = value.section(&format!("`{}`", value.key))?.take_all();
        let read = |item: Value<'_>| Some((item.key.clone(), T::from_value(&item, of)?));
        Some(items.into_iter().filter_map(read).collect())
    }

    fn show(&self) -> Shown {
        let shown = self.iter().map(|(key, value)| (key.clone(), value.show()));
        Shown::Object(shown.collect())
    }

    fn absent(_: &Reader<'_>) -> Option<Self> {
        Some(Self::new())
    }
}

impl SettingValue for bool {
    fn from_value(value: &Value<'_>, _: &Kind) -> Option<Self> {
        value.flag()
    }

    fn show(&self) -> Shown {
        (*self).into()
    }
}

/// A type of whole numbers from 1 on.
pub trait WholeNumber: SettingValue {}

impl SettingValue for u32 {
    fn from_value(value: &Value<'_>, kind: &Kind) -> Option<Self> {
        let count = value.count()?;
        match kind {
            Kind::Integer(bounds) => within(value, count, bounds, |count| count.to_string()),
            _ => Some(count),
        }
    }

    fn show(&self) -> Shown {
        (*self).into()
    }
}

impl SettingValue for usize {
    fn from_value(value: &Value<'_>, kind: &Kind) -> Option<Self> {
        u32::from_value(value, kind).map(|count| count as Self)
    }

    fn show(&self) -> Shown {
        (*self).into()
    }
}

impl SettingValue for NonZeroU32 {
    fn from_value(value: &Value<'_>, kind: &Kind) -> Option<Self> {
        u32::from_value(value, kind).and_then(Self::new)
    }

    fn show(&self) -> Shown {
        self.get().into()
    }
}

impl WholeNumber for u32 {}
impl WholeNumber for usize {}
impl WholeNumber for NonZeroU32 {}

impl SettingValue for Duration {
    fn from_value(value: &Value<'_>, kind: &Kind) -> Option<Self> {
        let duration = value.duration()?;
        match kind {
            Kind::Duration(bounds) => within(value, duration, bounds, |it| write_duration(*it)),
            _ => Some(duration),
        }
    }

    fn show(&self) -> Shown {
        write_duration(*self).into()
    }
}

impl SettingValue for u64 {
    fn from_value(value: &Value<'_>, kind: &Kind) -> Option<Self> {
        let size = value.size()?;
        match kind {
            Kind::Size(bounds) => within(value, size, bounds, |size| show_size(*size)),
            _ => Some(size),
        }
    }

    fn show(&self) -> Shown {
        show_size(*self).into()
    }
}

/// Returns the value if it is within its limits.
fn within<T: PartialOrd>(
    value: &Value<'_>,
    found: T,
    bounds: &Bounds<T>,
    show: impl Fn(&T) -> String,
) -> Option<T> {
    let outside = |bound: &Bound<T>, than: &str| {
        let what = format!("`{}` is {than} than {}", value.key, show(&bound.value));
        value.fault(what, bound.why);
    };
    match bounds {
        Bounds {
            least: Some(least), ..
        } if found < least.value => outside(least, "less"),
        Bounds {
            most: Some(most), ..
        } if found > most.value => outside(most, "more"),
        _ => return Some(found),
    }
    None
}

impl SettingValue for Text {
    fn from_value(value: &Value<'_>, kind: &Kind) -> Option<Self> {
        let text = value.text()?;
        if let Kind::Text(shape) = kind
            && let Err(wrong) = (shape.check)(text.expose())
        {
            let help = wrong.help.unwrap_or_else(|| shape.help.into());
            value.fault(text.hide_in(&wrong.what), help);
            return None;
        }
        Some(text)
    }

    fn show(&self) -> Shown {
        self.shown().into()
    }
}

impl SettingValue for String {
    fn from_value(value: &Value<'_>, kind: &Kind) -> Option<Self> {
        let text = Text::from_value(value, kind)?;
        if matches!(kind, Kind::Connection) {
            is_connection(value, &text)?;
        }
        Some(text.expose().into())
    }

    fn show(&self) -> Shown {
        self.as_str().into()
    }
}

/// Records a fault unless the config has a connection of this name.
fn is_connection(value: &Value<'_>, name: &Text) -> Option<()> {
    let Some(known) = value.reader.connections() else {
        return Some(());
    };
    if known.iter().any(|known| known == name.expose()) {
        return Some(());
    }
    let known: Vec<_> = known.iter().map(String::as_str).collect();
    let help = did_you_mean(name.expose(), &known);
    let help = help.unwrap_or_else(|| format!("there is {}", list(&known)));
    value.fault(format!("there is no connection {}", name.quoted()), help);
    None
}

impl SettingValue for PathBuf {
    fn from_value(value: &Value<'_>, kind: &Kind) -> Option<Self> {
        let path = value.path()?;
        if let Kind::Path(kind) = kind
            && let Err(wrong) = (kind.check)(&path)
        {
            value.fault(wrong.what, wrong.help.unwrap_or_default());
            return None;
        }
        Some(path)
    }

    fn show(&self) -> Shown {
        self.display().to_string().into()
    }
}

impl SettingValue for SocketAddr {
    fn from_value(value: &Value<'_>, kind: &Kind) -> Option<Self> {
        let text = Text::from_value(value, kind)?;
        let parsed = text.expose().parse();
        let what = || format!("{} is not an address to listen on", text.quoted());
        value.checked(&text, parsed.map_err(|_| what()), help(kind))
    }

    fn show(&self) -> Shown {
        self.to_string().into()
    }
}

impl SettingValue for TopicPattern {
    fn from_value(value: &Value<'_>, kind: &Kind) -> Option<Self> {
        let text = Text::from_value(value, kind)?;
        value.checked(&text, Self::parse(text.expose()), help(kind))
    }

    fn show(&self) -> Shown {
        self.as_str().into()
    }
}

/// Returns how to write a string of this kind.
fn help(kind: &Kind) -> &'static str {
    match kind {
        Kind::Text(shape) => shape.help,
        _ => "write \"…\"",
    }
}
