//! The effective settings of a table as pairs of key and value: all settings, or those
//! that differ from the defaults. `cli` lays out the lines.

use serde_json::{Map, Value};

use super::json::{default, plain};
use super::setting::{Kind, Presence, Setting, Table};

/// Returns the keys of a table with their values, without those that equal the default
/// unless `all` is set. Keys of inner tables are dotted.
pub fn effective(
    table: &'static Table,
    shown: &Map<String, Value>,
    all: bool,
) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    add(&mut lines, "", table, shown, all);
    lines
}

fn add(
    lines: &mut Vec<(String, String)>,
    prefix: &str,
    table: &'static Table,
    shown: &Map<String, Value>,
    all: bool,
) {
    for setting in table.settings() {
        let Some(value) = shown.get(setting.key) else {
            continue;
        };
        let key = format!("{prefix}{}", setting.key);
        let before = lines.len();
        within(lines, &key, setting, value, all);
        // The table is present, but all of its values are defaults.
        let is_there = value.is_object() && !matches!(setting.presence, Presence::Default("{}"));
        if is_there && lines.len() == before {
            within(lines, &key, setting, value, true);
        }
    }
}

/// Adds the lines for one value and its inner values.
fn within(
    lines: &mut Vec<(String, String)>,
    key: &str,
    setting: &Setting,
    value: &Value,
    all: bool,
) {
    match (value, inner(&setting.kind)) {
        (Value::Object(values), Inner::Table(table)) => {
            add(lines, &format!("{key}."), table, values, all);
        }
        (Value::Object(values), Inner::Tables(table)) => {
            for (name, value) in values {
                let value = value.as_object().cloned().unwrap_or_default();
                add(lines, &format!("{key}.{name}."), table, &value, all);
            }
        }
        (Value::Object(values), Inner::Values) => {
            let value = |(name, value): (&String, &Value)| (format!("{key}.{name}"), text(value));
            lines.extend(values.iter().map(value));
        }
        _ if all || !is_default(setting, value) => {
            lines.push((key.to_owned(), value_or_absence(setting, value)));
        }
        _ => {}
    }
}

/// The inner values of a kind.
enum Inner {
    Table(&'static Table),
    Tables(&'static Table),
    Values,
    Nothing,
}

fn inner(kind: &Kind) -> Inner {
    match kind {
        Kind::Table(table) => Inner::Table(table),
        Kind::Either(_, Kind::Table(table) | Kind::OneOf(table, _)) => Inner::Table(table),
        Kind::Map(Kind::Either(_, Kind::Table(table))) => Inner::Tables(table),
        Kind::Map(_) => Inner::Values,
        _ => Inner::Nothing,
    }
}

fn is_default(setting: &Setting, value: &Value) -> bool {
    match setting.presence {
        Presence::Required(_) => false,
        Presence::Default(toml) => *value == default(toml),
        Presence::Optional(_) => match value {
            Value::Null => true,
            Value::Array(items) => items.is_empty(),
            _ => false,
        },
    }
}

/// Returns a value as text for people; without a value, what its declaration says of
/// leaving out the key.
fn value_or_absence(setting: &Setting, value: &Value) -> String {
    match (setting.presence, is_default(setting, value)) {
        (Presence::Optional(absence), true) => plain(absence).replace(['`', '"'], ""),
        _ => text(value),
    }
}

/// Returns a value as text for people.
fn text(value: &Value) -> String {
    match value {
        Value::Null => "none".into(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "none".into(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Object(values) => {
            let value = |(key, value): (&String, &Value)| format!("{key} = {value}");
            let values: Vec<_> = values.iter().map(value).collect();
            format!("{{ {} }}", values.join(", "))
        }
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Group, defaults};

    crate::settings! {
        /// A table.
        #[derive(Clone, Debug)]
        pub struct Outer {
            /// A wait.
            wait: std::time::Duration = crate::schema::duration().default("\"5m\"");
            /// A table within.
            inner: Inner = crate::schema::table().default("{}");
        }
    }

    crate::settings! {
        /// A table within.
        #[derive(Clone, Debug)]
        pub struct Inner {
            /// A name.
            "as" name: Option<String> = crate::schema::text(&crate::schema::ANY_TEXT).optional("none");
            /// A secret.
            token: Option<crate::schema::Secret> = crate::schema::secret().optional("none");
        }
    }

    fn lines(outer: &Outer, all: bool) -> Vec<String> {
        let lines = effective(Outer::TABLE, &Group::show(outer), all);
        lines
            .into_iter()
            .map(|(key, value)| format!("{key} {value}"))
            .collect()
    }

    #[test]
    fn what_is_as_by_default_is_left_out() {
        let mut outer: Outer = defaults();
        assert!(lines(&outer, false).is_empty());
        assert_eq!(
            lines(&outer, true),
            ["wait 5m", "inner.as none", "inner.token none"]
        );
        outer.inner.name = Some("x".into());
        outer.inner.token = Some(crate::schema::Secret::new("s3cret"));
        assert_eq!(lines(&outer, false), ["inner.as x", "inner.token ***"]);
    }
}
