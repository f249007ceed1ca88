//! Declarations that carry the type that they are read as, so that the compiler
//! rejects a field of another type.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::group::Group;
use super::setting::{Bound, Bounds, Kind, PathKind, Presence, Setting, Shape};
use super::setting_value::{SettingValue, WholeNumber, Words};
use super::text::Text;
use crate::message::TopicPattern;
use crate::secret::Secret;

/// A declaration without its key and its documentation. The setting is required
/// until [`Declaration::default`] or [`Declaration::optional`] changes that.
pub struct Declaration<T> {
    kind: Kind,
    presence: Presence,
    read_as: PhantomData<fn() -> T>,
}

impl<T> Clone for Declaration<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Declaration<T> {}

impl<T> Declaration<T> {
    /// Declares a value of this kind. Prefer the functions below, which know the type.
    pub const fn kind(kind: Kind) -> Self {
        Self {
            kind,
            presence: Presence::Required(""),
            read_as: PhantomData,
        }
    }

    /// Makes the setting required; `help` says how to write it.
    pub const fn required(self, help: &'static str) -> Self {
        Self {
            presence: Presence::Required(help),
            ..self
        }
    }

    /// Sets the default, written as in TOML: `"\"10s\""`, `"64"`.
    pub const fn default(self, toml: &'static str) -> Self {
        Self {
            presence: Presence::Default(toml),
            ..self
        }
    }

    /// Makes the setting optional; `without` says what happens without it: `none`.
    pub const fn optional(self, without: &'static str) -> Declaration<Option<T>> {
        Declaration {
            kind: self.kind,
            presence: Presence::Optional(without),
            read_as: PhantomData,
        }
    }

    /// Makes the setting optional. Its type computes the value then ([`SettingValue::absent`]);
    /// `without` describes that value.
    pub const fn computed(self, without: &'static str) -> Self {
        Self {
            presence: Presence::Optional(without),
            ..self
        }
    }

    /// Returns the kind alone, for elements of a list.
    pub const fn as_kind(self) -> Kind {
        self.kind
    }

    /// Returns the setting with its key and its documentation.
    pub const fn named(self, key: &'static str, doc: &'static str) -> Setting {
        Setting {
            key,
            kind: self.kind,
            presence: self.presence,
            doc,
        }
    }
}

/// `true` or `false`.
pub const fn flag() -> Declaration<bool> {
    Declaration::kind(Kind::Flag)
}

/// A whole number from 1 on.
pub const fn integer<T: WholeNumber>() -> Declaration<T> {
    Declaration::kind(Kind::Integer(Bounds::NONE))
}

/// A duration: `"500ms"`.
pub const fn duration() -> Declaration<Duration> {
    Declaration::kind(Kind::Duration(Bounds::NONE))
}

/// A size in bytes: `"64MiB"`.
pub const fn size() -> Declaration<u64> {
    Declaration::kind(Kind::Size(Bounds::NONE))
}

impl<T> Declaration<Vec<T>> {
    /// May be left out and is empty then; `without` says what that means.
    pub const fn or_empty(self, without: &'static str) -> Self {
        Self {
            presence: Presence::Optional(without),
            ..self
        }
    }
}

impl<T> Declaration<BTreeMap<String, T>> {
    /// May be left out and is empty then; `without` says what that means.
    pub const fn or_empty(self, without: &'static str) -> Self {
        Self {
            presence: Presence::Optional(without),
            ..self
        }
    }
}

impl<T: WholeNumber> Declaration<T> {
    /// At most this much, because of `why`.
    pub const fn at_most(self, value: u32, why: &'static str) -> Self {
        let Kind::Integer(Bounds { least, .. }) = self.kind else {
            return self;
        };
        let most = Some(Bound { value, why });
        Self {
            kind: Kind::Integer(Bounds { least, most }),
            ..self
        }
    }
}

impl Declaration<Duration> {
    /// At least this long, because of `why`.
    pub const fn least(self, value: Duration, why: &'static str) -> Self {
        let Kind::Duration(Bounds { most, .. }) = self.kind else {
            return self;
        };
        let least = Some(Bound { value, why });
        Self {
            kind: Kind::Duration(Bounds { least, most }),
            ..self
        }
    }

    /// At most this long, because of `why`.
    pub const fn most(self, value: Duration, why: &'static str) -> Self {
        let Kind::Duration(Bounds { least, .. }) = self.kind else {
            return self;
        };
        let most = Some(Bound { value, why });
        Self {
            kind: Kind::Duration(Bounds { least, most }),
            ..self
        }
    }
}

impl Declaration<u64> {
    /// At least this many bytes, because of `why`.
    pub const fn least(self, value: u64, why: &'static str) -> Self {
        let Kind::Size(Bounds { most, .. }) = self.kind else {
            return self;
        };
        let least = Some(Bound { value, why });
        Self {
            kind: Kind::Size(Bounds { least, most }),
            ..self
        }
    }

    /// At most this many bytes, because of `why`.
    pub const fn most(self, value: u64, why: &'static str) -> Self {
        let Kind::Size(Bounds { least, .. }) = self.kind else {
            return self;
        };
        let most = Some(Bound { value, why });
        Self {
            kind: Kind::Size(Bounds { least, most }),
            ..self
        }
    }
}

/// A string of this shape, read as anything that a string can be read as.
pub const fn text<T: SettingValue>(shape: &'static Shape) -> Declaration<T> {
    Declaration::kind(Kind::Text(shape))
}

/// Any string.
pub const fn any_text() -> Declaration<Text> {
    text(&ANY_TEXT)
}

/// The shape of any string.
pub const ANY_TEXT: Shape = Shape {
    name: "string",
    pattern: None,
    check: |_| Ok(()),
    help: "write \"…\"",
};

/// An IP address and a port.
pub const fn socket_address() -> Declaration<SocketAddr> {
    text(&SOCKET_ADDRESS)
}

const SOCKET_ADDRESS: Shape = Shape {
    name: "IP address and port",
    pattern: None,
    check: |_| Ok(()),
    help: "an IP address and a port: \"127.0.0.1:8484\", \"[::1]:8484\", \"0.0.0.0:8484\"",
};

/// A pattern of topics.
pub const fn topic_pattern() -> Declaration<TopicPattern> {
    text(&TOPIC_PATTERN)
}

const TOPIC_PATTERN: Shape = Shape {
    name: "topic pattern",
    pattern: None,
    check: |_| Ok(()),
    help: "such as \"orders.new\", \"orders.*\", \"orders.>\"",
};

/// A string that is never shown, and is not empty.
pub const fn secret() -> Declaration<Secret> {
    secret_of(&ANY_TEXT)
}

/// A secret of this shape. The messages of its check must not contain the secret.
pub const fn secret_of(shape: &'static Shape) -> Declaration<Secret> {
    Declaration::kind(Kind::Secret(shape))
}

/// One of the words of a type.
pub const fn choice<T: Words>() -> Declaration<T> {
    Declaration::kind(Kind::Choice(T::words))
}

/// The name of a connection of the config.
pub const fn connection() -> Declaration<String> {
    Declaration::kind(Kind::Connection)
}

/// Any path.
pub const fn path() -> Declaration<PathBuf> {
    path_to(&ANY_PATH)
}

const ANY_PATH: PathKind = PathKind {
    name: "path",
    check: |_| Ok(()),
};

/// The path of a file or folder that is checked.
pub const fn path_to(kind: &'static PathKind) -> Declaration<PathBuf> {
    Declaration::kind(Kind::Path(kind))
}

/// A list that is not empty; `help` says how to write it.
pub const fn list<T: SettingValue>(
    of: &'static Declaration<T>,
    help: &'static str,
) -> Declaration<Vec<T>> {
    Declaration::kind(Kind::List(&of.kind, help))
}

/// One value, or a list that is not empty; `help` says how to write them.
pub const fn one_or_more<T: SettingValue>(
    of: &'static Declaration<T>,
    help: &'static str,
) -> Declaration<Vec<T>> {
    Declaration::kind(Kind::OneOrMore(&of.kind, help))
}

/// A table with keys that the user chooses.
pub const fn map<T: SettingValue>(of: &'static Declaration<T>) -> Declaration<BTreeMap<String, T>> {
    Declaration::kind(Kind::Map(&of.kind))
}

/// A table with the keys of a struct of `settings!`.
pub const fn table<T: Group + SettingValue>() -> Declaration<T> {
    Declaration::kind(Kind::Table(T::TABLE))
}
