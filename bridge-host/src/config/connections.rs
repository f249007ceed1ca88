//! The sections `[connections.NAME]`: one table for all of them, and the one
//! match on `type`.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::{Connection, EMBEDDED};
use crate::broker::nats::{self, JetStreamSettings};
use crate::schema::{self, Group, Reader, Section, Table, Value, did_you_mean};
use crate::store::Settings;

/// What this version connects to.
const TYPES: [(&str, Type, &Table); 3] = [
    ("embedded", Type::Embedded, Settings::TABLE),
    ("nats", Type::Nats, nats::Settings::TABLE),
    ("jetstream", Type::JetStream, JetStreamSettings::TABLE),
];

#[derive(Clone, Copy)]
enum Type {
    Embedded,
    Nats,
    JetStream,
}

/// The types of connections, and the settings of each.
pub(super) fn types() -> Vec<(&'static str, &'static Table)> {
    TYPES
        .iter()
        .map(|(name, _, table)| (*name, *table))
        .collect()
}

/// All connections by name; `None` for those with a fault in their type.
pub(super) fn read(
    reader: &Reader<'_>,
    value: Option<Value<'_>>,
) -> BTreeMap<String, Option<Connection>> {
    let standard = Settings {
        path: reader.folder().join(Settings::default().path),
        ..Settings::default()
    };
    let embedded = Some(Connection::Embedded(standard.clone()));
    let mut connections = BTreeMap::from([(EMBEDDED.to_string(), embedded)]);
    let entries = value.and_then(|value| value.section("[connections]"));
    let entries = entries.map(Section::take_all).unwrap_or_default();
    let mut folders = BTreeMap::new();
    if !entries.iter().any(|entry| entry.key == EMBEDDED) {
        folders.insert(plain(&standard.path), EMBEDDED.to_string());
    }
    for entry in entries {
        let before = reader.faults_so_far();
        let connection = connection(&entry);
        if let Some(Connection::Embedded(settings)) = &connection
            && reader.faults_so_far() == before
        {
            own_folder(&entry, &settings.path, &mut folders);
        }
        connections.insert(entry.key.clone(), connection);
    }
    connections
}

/// Leaves out what was faulty: the config is not used then.
pub(super) fn sound(
    connections: BTreeMap<String, Option<Connection>>,
) -> BTreeMap<String, Connection> {
    let sound = |(name, connection): (_, Option<_>)| connection.map(|it| (name, it));
    connections.into_iter().filter_map(sound).collect()
}

fn connection(entry: &Value<'_>) -> Option<Connection> {
    let name = format!("[connections.{}]", entry.key);
    let mut section = entry.section(&name)?;
    let kind = match section.take("type") {
        Some(kind) => known_type(&kind)?,
        None if entry.key == EMBEDDED => Type::Embedded,
        None => {
            section.missing("type", format!("this version has {}", names()));
            return None;
        }
    };
    if entry.key == EMBEDDED && !matches!(kind, Type::Embedded) {
        entry.reader.fault(
            entry.key_span.clone(),
            format!(
                "`{EMBEDDED}` is the name of the built-in broker, which cannot be of another type"
            ),
            "give this connection another name, and subscriptions `from = \"…\"`",
        );
        return None;
    }
    match kind {
        Type::Embedded => embedded(section, entry).map(Connection::Embedded),
        Type::Nats => settings(section).map(Connection::Nats),
        Type::JetStream => settings(section).map(|it| Connection::JetStream(Box::new(it))),
    }
}

/// All settings of a section.
fn settings<T: Group>(mut section: Section<'_>) -> Option<T> {
    let settings = T::read(&mut section);
    section.finish();
    settings
}

fn embedded(section: Section<'_>, entry: &Value<'_>) -> Option<Settings> {
    if entry.key != EMBEDDED && section.peek("path").is_none() {
        section.missing("path", "an embedded broker has a folder: path = \"…\"");
    }
    settings(section)
}

fn known_type(value: &Value<'_>) -> Option<Type> {
    let text = value.text()?;
    if let Some((_, kind, _)) = TYPES.iter().find(|(name, ..)| *name == text.expose()) {
        return Some(*kind);
    }
    let help = did_you_mean(text.expose(), &TYPES.map(|(name, ..)| name))
        .unwrap_or_else(|| format!("this version has {}", names()));
    value.fault(format!("{} is no type of connection", text.quoted()), help);
    None
}

fn names() -> String {
    schema::list_words(TYPES.map(|(name, ..)| name))
}

/// No two brokers keep their files in one folder.
fn own_folder(entry: &Value<'_>, path: &Path, folders: &mut BTreeMap<PathBuf, String>) {
    if let Some(other) = folders.insert(plain(path), entry.key.clone()) {
        entry.reader.fault(
            entry.key_span.clone(),
            format!("`{}` has the same folder as `{other}`", entry.key),
            "give each a `path` of its own",
        );
    }
}

/// The path without its `.`, so that the same folder looks the same.
fn plain(path: &Path) -> PathBuf {
    let parts = path.components();
    parts.filter(|part| *part != Component::CurDir).collect()
}
