//! Settings: each is declared once, and the declaration serves to read, suggest, check
//! and document it. The declarations themselves are in the modules that use the settings.
//!
//! A room declares a table of settings by [`settings!`](crate::settings), which
//! makes the struct that the room uses:
//!
//! ```
//! use std::time::Duration;
//! use bridge_host::schema::{self, Secret};
//!
//! bridge_host::settings! {
//!     /// A connection to a broker.
//!     #[derive(Clone, Debug)]
//!     pub struct Settings {
//!         /// shown to the server
//!         token: Option<Secret> = schema::secret().optional("none");
//!         /// the longest wait between two attempts to connect
//!         max_reconnect_wait: Duration = schema::duration().default("\"10s\"");
//!     }
//! }
//! let settings: Settings = schema::defaults();
//! assert_eq!(settings.max_reconnect_wait, Duration::from_secs(10));
//! ```
//!
//! The struct is a [`Group`]: `Settings::TABLE` is the declaration as plain
//! data, from which the documentation and the JSON Schema are made, and
//! `Settings::read` reads a [`Section`] of a config, with every fault recorded
//! with its location. A descriptor of a broker holds both, so that `config` reads
//! and documents its settings without naming the broker:
//!
//! ```text
//! Descriptor {
//!     name: "redis",
//!     table: Settings::TABLE,
//!     read: |section| Some(Box::new(Settings::read(section)?)),
//! }
//! ```
//!
//! | a setting is | it is declared as | and read as |
//! |---|---|---|
//! | true or false, a number, a duration, a size | [`flag`], [`integer`], [`duration`], [`size`] | `bool`, `u32` or `usize`, [`Duration`](std::time::Duration), `u64` |
//! | a string | [`any_text`], or [`text`] with a [`Shape`] that is checked | [`Text`], `String`, or any other [`SettingValue`] |
//! | an address to listen on, a pattern of topics | [`socket_address`], [`topic_pattern`] | `SocketAddr`, [`TopicPattern`](crate::message::TopicPattern) |
//! | a secret; a secret of a certain shape | [`secret`], [`secret_of`] | [`Secret`] |
//! | one of a few words | [`choice`] | an enum with [`Words`] |
//! | a path; a path to a file that is checked | [`path`], [`path_to`], [`pem::FILE`] | `PathBuf` |
//! | the name of a connection | [`connection`] | `String` |
//! | a list; one value or a list; a table with keys that the user chooses | [`list`], [`one_or_more`], [`map`] | `Vec`, `Vec`, `BTreeMap` |
//! | a table | [`table`] | another struct of `settings!` |
//! | anything else | [`Declaration::kind`] with a [`Kind`] that describes it | a type with its own [`SettingValue`] |
//!
//! Keys that only make sense together (a certificate and its key, one of several
//! ways to log in) are a type with its own [`Group`]: a field of that type,
//! without `= …`, reads them from the same table.

mod declaration;
mod effective;
mod environment;
mod fault;
mod former_names;
mod group;
mod json;
mod markdown;
mod mask;
pub mod pem;
mod reader;
mod secret;
mod section;
mod setting;
mod setting_value;
mod settings_macro;
mod source;
mod starter;
mod suggest;
mod text;
mod units;
mod value;

pub use crate::secret::Secret;
pub use declaration::{
    ANY_TEXT, Declaration, any_text, choice, connection, duration, flag, integer, list, map,
    one_or_more, path, path_to, secret, secret_of, size, socket_address, table, text,
    topic_pattern,
};
pub use effective::effective;
pub use environment::Environment;
pub use fault::{Fault, SourceLocation};
pub use group::{Group, ShownTable, defaults, defaults_in};
pub use json::json_schema;
pub use markdown::markdown;
pub use reader::Reader;
pub use section::Section;
pub use setting::{
    Bound, Bounds, Kind, Part, PathKind, Presence, Rejection, Setting, Shape, Table,
};
pub use setting_value::{SettingValue, WholeNumber, Words};
pub use source::Source;
pub use starter::{comment, commented, commented_without};
pub use text::Text;
pub use units::{show_duration, show_rate, show_size, write_duration};
pub use value::Value;

/// A value as `check` shows it.
pub use serde_json::Value as Shown;

pub(crate) use mask::{hide_query, secret_near, secrets, sounds_secret};
pub(crate) use suggest::{did_you_mean, list as list_words};
pub(crate) use text::quote;
pub(crate) use units::{RATE_HELP, rate};
