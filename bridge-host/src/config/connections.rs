//! The sections `[connections.NAME]`: one table for all of them, and the one
//! match on `type`.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::section::{Reader, Section};
use super::suggest::did_you_mean;
use super::value::Value;
use super::{Connection, EMBEDDED, nats};
use crate::broker::embedded::{LetterRetention, Retention, Settings};

/// What this version connects to.
const TYPES: [(&str, Type); 3] = [
    ("embedded", Type::Embedded),
    ("nats", Type::Nats),
    ("jetstream", Type::JetStream),
];

#[derive(Clone, Copy)]
enum Type {
    Embedded,
    Nats,
    JetStream,
}

/// All connections by name; `None` for those with a fault in their type.
pub(super) fn read(
    reader: &Reader<'_>,
    value: Option<Value<'_>>,
) -> BTreeMap<String, Option<Connection>> {
    let standard = Settings {
        path: reader.folder.join(Settings::default().path),
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
        let connection = connection(&entry, &standard);
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

fn connection(entry: &Value<'_>, standard: &Settings) -> Option<Connection> {
    let name = format!("[connections.{}]", entry.key);
    let mut section = entry.section(&name)?;
    let kind = match section.take("type") {
        Some(kind) => known_type(&kind)?,
        None if entry.key == EMBEDDED => Type::Embedded,
        None => {
            section.missing("type", format!("this version has {}", types()));
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
        Type::Embedded => Some(Connection::Embedded(embedded(section, entry, standard))),
        Type::Nats => nats::core(section).map(Connection::Nats),
        Type::JetStream => nats::jetstream(section).map(|it| Connection::JetStream(Box::new(it))),
    }
}

fn known_type(value: &Value<'_>) -> Option<Type> {
    let text = value.text()?;
    if let Some((_, kind)) = TYPES.iter().find(|(name, _)| *name == text.expose()) {
        return Some(*kind);
    }
    let help = did_you_mean(text.expose(), &TYPES.map(|(name, _)| name))
        .unwrap_or_else(|| format!("this version has {}", types()));
    value.fault(format!("{} is no type of connection", text.quoted()), help);
    None
}

fn types() -> String {
    super::suggest::list(TYPES.map(|(name, _)| name))
}

fn embedded(mut section: Section<'_>, entry: &Value<'_>, standard: &Settings) -> Settings {
    let mut settings = standard.clone();
    match section.take("path") {
        Some(value) => settings.path = value.path().unwrap_or(settings.path),
        None if entry.key == EMBEDDED => {}
        None => section.missing("path", "an embedded broker has a folder: path = \"…\""),
    }
    if let Some(value) = section.take("retention") {
        settings.retention = retention(&value, settings.retention);
    }
    if let Some(window) = section
        .take("deduplication_window")
        .and_then(|it| it.duration())
    {
        settings.deduplication_window = window;
    }
    if let Some(size) = section.take("max_message_size").and_then(|it| it.size()) {
        settings.max_message_size = size;
    }
    section.finish();
    settings
}

fn retention(value: &Value<'_>, mut retention: Retention) -> Retention {
    let Some(mut section) = value.section("`retention`") else {
        return retention;
    };
    if let Some(age) = section.take("max_age").and_then(|it| it.duration()) {
        retention.max_age = age;
    }
    if let Some(size) = section.take("max_size").and_then(|it| it.size()) {
        retention.max_size = size;
    }
    if let Some(value) = section.take("dead_letters") {
        retention.dead_letters = dead_letters(&value);
    }
    section.finish();
    retention
}

fn dead_letters(value: &Value<'_>) -> LetterRetention {
    let mut limits = LetterRetention::default();
    if let Some(mut section) = value.section("`retention.dead_letters`") {
        limits.max_age = section.take("max_age").and_then(|it| it.duration());
        limits.max_size = section.take("max_size").and_then(|it| it.size());
        section.finish();
    }
    limits
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
