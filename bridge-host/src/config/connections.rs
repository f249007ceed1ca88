//! Reads the sections `[connections.NAME]`, each with the settings of its type of broker.
//! The types are in `broker::ALL`.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::{Connection, EMBEDDED};
use crate::broker::{ALL, Descriptor, embedded};
use crate::schema::{self, Declaration, Kind, Part, Reader, Section, Table, Value, did_you_mean};
use crate::store::Settings;

/// The key that every connection has.
pub(super) const TYPE: &Table = &Table {
    parts: &[Part::One(
        Declaration::<()>::kind(Kind::Choice(type_names))
            .optional("required, except for `embedded`")
            .named(
                "type",
                "The kind of broker: `\"embedded\"`, `\"nats\"`, `\"jetstream\"` or `\"redis\"`; \
                 [brokers](brokers.md) compares them.",
            ),
    )],
};

/// The types of connections, and the settings of each.
pub(super) fn types() -> Vec<(&'static str, &'static Table)> {
    ALL.iter().map(|kind| (kind.name, kind.table)).collect()
}

/// Reads all connections, by name; `None` stands for one that cannot be read.
pub(super) fn read(
    reader: &Reader<'_>,
    value: Option<Value<'_>>,
) -> BTreeMap<String, Option<Connection>> {
    let standard = Settings {
        path: reader.folder().join(Settings::default().path),
        ..Settings::default()
    };
    let embedded = embedded::connection(standard.clone());
    let mut connections = BTreeMap::from([(EMBEDDED.to_string(), Some(embedded))]);
    let entries = value.and_then(|value| value.section("[connections]"));
    let entries = entries.map(Section::take_all).unwrap_or_default();
    let mut folders = BTreeMap::new();
    if !entries.iter().any(|entry| entry.key == EMBEDDED) {
        folders.insert(plain(&standard.path), EMBEDDED.to_string());
    }
    for entry in entries {
        let before = reader.faults_so_far();
        let connection = connection(&entry);
        if let Some(path) = connection.as_ref().and_then(|it| it.settings().store())
            && reader.faults_so_far() == before
        {
            own_folder(&entry, path, &mut folders);
        }
        connections.insert(entry.key.clone(), connection);
    }
    connections
}

/// Returns the connections that could be read.
pub(super) fn readable(
    connections: BTreeMap<String, Option<Connection>>,
) -> BTreeMap<String, Connection> {
    let readable = |(name, connection): (_, Option<_>)| connection.map(|it| (name, it));
    connections.into_iter().filter_map(readable).collect()
}

fn connection(entry: &Value<'_>) -> Option<Connection> {
    let name = format!("[connections.{}]", entry.key);
    let mut section = entry.section(&name)?;
    section.declare(TYPE);
    let kind = match section.peek("type") {
        Some(kind) => known_type(&kind)?,
        None if entry.key == EMBEDDED => &embedded::DESCRIPTOR,
        None => {
            section.missing("type", format!("use {}", names()));
            return None;
        }
    };
    if entry.key == EMBEDDED && kind.name != embedded::DESCRIPTOR.name {
        entry.reader.fault(
            entry.key_span.clone(),
            format!(
                "`{EMBEDDED}` is the name of the built-in broker, which cannot be of another type"
            ),
            "give this connection another name, and subscriptions `from = \"…\"`",
        );
        return None;
    }
    let settings = (kind.read)(&mut section);
    section.finish();
    Some(Connection::new(kind, settings?))
}

fn known_type(value: &Value<'_>) -> Option<&'static Descriptor> {
    let text = value.text()?;
    if let Some(kind) = ALL.iter().find(|kind| kind.name == text.expose()) {
        return Some(kind);
    }
    let help = did_you_mean(text.expose(), &type_names())
        .unwrap_or_else(|| format!("use {}", self::names()));
    value.fault(format!("unknown connection type {}", text.quoted()), help);
    None
}

fn names() -> String {
    schema::list_words(type_names())
}

fn type_names() -> Vec<&'static str> {
    ALL.iter().map(|kind| kind.name).collect()
}

/// Checks that no two brokers keep their files in one folder.
fn own_folder(entry: &Value<'_>, path: &Path, folders: &mut BTreeMap<PathBuf, String>) {
    if let Some(other) = folders.insert(plain(path), entry.key.clone()) {
        entry.reader.fault(
            entry.key_span.clone(),
            format!("`{}` has the same folder as `{other}`", entry.key),
            "give each connection its own `path`",
        );
    }
}

/// Returns the path without `.`, so that equal folders have equal paths.
fn plain(path: &Path) -> PathBuf {
    let parts = path.components();
    parts.filter(|part| *part != Component::CurDir).collect()
}
