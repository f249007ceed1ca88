//! A setting as data: its key, kind, default, limits and documentation. `setting_value`
//! reads its value.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// One key of a table, declared once.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The key as the user writes it.
    pub key: &'static str,
    /// The kind of its value, with the limits.
    pub kind: Kind,
    /// What happens without it.
    pub presence: Presence,
    /// Its documentation: a sentence or two of Markdown, as in docs/reference/configuration.md.
    pub doc: &'static str,
}

/// What happens if a key is left out.
#[derive(Clone, Copy, Debug)]
pub enum Presence {
    /// Leaving out the key is an error; the text says how to write it.
    Required(&'static str),
    /// The setting has this value, written as in TOML.
    Default(&'static str),
    /// A description of what happens: `none`, `the server's`.
    Optional(&'static str),
}

/// The kind of a value, with its limits.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A whole number, by default from 1 on.
    Integer(Bounds<u32>),
    /// A duration with a unit, more than zero.
    Duration(Bounds<Duration>),
    /// A size in bytes, with a unit, more than zero.
    Size(Bounds<u64>),
    /// A number of events per unit of time.
    Rate,
    /// A string of some shape.
    Text(&'static Shape),
    /// A string of some shape that is never shown, or a table that names the file
    /// it is in.
    Secret(&'static Shape),
    /// A path.
    Path(&'static PathKind),
    /// A list of HTTP statuses, classes of them and ranges.
    Statuses,
    /// The name of a connection of the config.
    Connection,
    /// One of a few words.
    Choice(fn() -> Vec<&'static str>),
    /// A list that is not empty, and how to write it.
    List(&'static Kind, &'static str),
    /// One value, or a list that is not empty, and how to write it.
    OneOrMore(&'static Kind, &'static str),
    /// A table with declared keys.
    Table(&'static Table),
    /// A table with keys that the user chooses.
    Map(&'static Kind),
    /// A list of tables.
    Tables(&'static Table),
    /// A table whose key `type`, which the second table declares, determines its other
    /// keys.
    Typed(fn() -> Vec<(&'static str, &'static Table)>, &'static Table),
    /// A table with one of several sets of keys. The first table declares the keys of all
    /// sets.
    OneOf(&'static Table, &'static [&'static Table]),
    /// One of two kinds.
    Either(&'static Kind, &'static Kind),
}

/// The limits of a value, in addition to the limits of its kind.
#[derive(Clone, Copy, Debug)]
pub struct Bounds<T> {
    /// The lower limit, if there is one.
    pub least: Option<Bound<T>>,
    /// The upper limit, if there is one.
    pub most: Option<Bound<T>>,
}

/// A limit and its reason, which an error shows.
#[derive(Clone, Copy, Debug)]
pub struct Bound<T> {
    /// The last allowed value.
    pub value: T,
    /// The reason, or what to do instead.
    pub why: &'static str,
}

impl<T> Bounds<T> {
    /// Only the limits of the kind.
    pub const NONE: Self = Self {
        least: None,
        most: None,
    };
}

/// The required form of a string.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// What the string is: "a topic pattern".
    pub name: &'static str,
    /// A regular expression for editors; less strict than `check` if need be.
    pub pattern: Option<&'static str>,
    /// Says what is wrong with a string.
    pub check: fn(&str) -> Result<(), Rejection>,
    /// How to write such a string, which an error shows; empty if the check's message
    /// says so itself.
    pub help: &'static str,
}

/// Why a value is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// What was found, in one line.
    pub what: String,
    /// What to do about it, if it differs from the help of the declaration.
    pub help: Option<String>,
}

impl Rejection {
    /// Creates a rejection that says what to do about it.
    pub fn new(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            help: Some(help.into()),
        }
    }
}

impl From<String> for Rejection {
    fn from(what: String) -> Self {
        Self { what, help: None }
    }
}

impl From<&str> for Rejection {
    fn from(what: &str) -> Self {
        what.to_owned().into()
    }
}

/// The kind of file that a path has to lead to.
#[derive(Clone, Copy, Debug)]
pub struct PathKind {
    /// What the path leads to: "a PEM file".
    pub name: &'static str,
    /// Says what is wrong with the file, and what to do about it.
    pub check: fn(&Path) -> Result<(), Rejection>,
}

/// The settings of one table.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// In the order of the documentation.
    pub parts: &'static [Part],
}

/// A setting, or several that are read together.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    /// One key.
    One(Setting),
    /// Keys that belong together, in the same table.
    Group(&'static Table),
}

impl Table {
    /// Returns all settings of the table, groups included.
    pub fn settings(&self) -> Vec<&'static Setting> {
        let settings = |part: &'static Part| match part {
            Part::One(setting) => vec![setting],
            Part::Group(table) => table.settings(),
        };
        self.parts.iter().flat_map(settings).collect()
    }
}

impl Table {
    /// Returns the table at a path of keys, such as `connections.nats.tls` or
    /// `subscriptions.to`; of a table with a `type`, the next part is the type.
    pub fn at(&'static self, path: &str) -> Option<&'static Self> {
        let (key, rest) = match path.split_once('.') {
            Some((key, rest)) => (key, Some(rest)),
            None => (path, None),
        };
        let setting = self.settings().into_iter().find(|it| it.key == key)?;
        setting.kind.table(rest)
    }

    /// Returns the keys of this table and of inner tables whose values are never secrets.
    pub fn plain_keys(&'static self) -> BTreeSet<&'static str> {
        let (mut plain, mut secret) = (BTreeSet::new(), BTreeSet::new());
        self.sort_keys(&mut plain, &mut secret);
        &plain - &secret
    }

    fn sort_keys(
        &'static self,
        plain: &mut BTreeSet<&'static str>,
        secret: &mut BTreeSet<&'static str>,
    ) {
        for setting in self.settings() {
            match setting.kind.is_secret() {
                true => secret.insert(setting.key),
                false => plain.insert(setting.key),
            };
            for table in setting.kind.tables() {
                table.sort_keys(plain, secret);
            }
        }
    }
}

impl Kind {
    /// Returns the table that a value of this kind is, or the table at a path inside it.
    fn table(&self, path: Option<&str>) -> Option<&'static Table> {
        match (self, path) {
            (Self::Table(table) | Self::Tables(table) | Self::OneOf(table, _), path) => {
                match path {
                    Some(path) => table.at(path),
                    None => Some(table),
                }
            }
            (Self::Typed(_, table), None) => Some(table),
            (Self::Map(kind) | Self::List(kind, _), _) => kind.table(path),
            (Self::Either(one, other), _) => one.table(path).or_else(|| other.table(path)),
            (Self::Typed(types, _), Some(path)) => {
                let (name, rest) = match path.split_once('.') {
                    Some((name, rest)) => (name, Some(rest)),
                    None => (path, None),
                };
                let (_, table) = types().into_iter().find(|(it, _)| *it == name)?;
                match rest {
                    Some(rest) => table.at(rest),
                    None => Some(table),
                }
            }
            _ => None,
        }
    }

    /// Returns the tables that a value of this kind is or contains.
    pub fn tables(&self) -> Vec<&'static Table> {
        match self {
            Self::Table(table) | Self::Tables(table) | Self::OneOf(table, _) => vec![table],
            Self::Map(kind) | Self::List(kind, _) | Self::OneOrMore(kind, _) => kind.tables(),
            Self::Either(one, other) => [one.tables(), other.tables()].concat(),
            Self::Typed(types, declared) => {
                let types = types().into_iter().map(|(_, table)| table);
                types.chain([*declared]).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Returns whether values are never shown.
    pub fn is_secret(&self) -> bool {
        match self {
            Self::Secret(_) => true,
            Self::Map(kind) | Self::List(kind, _) => kind.is_secret(),
            _ => false,
        }
    }
}
