//! The JSON Schema of a config, draft 2020-12, for editors. It leaves out the rules that
//! only `check` can verify, such as whether a file exists.

use serde_json::{Map, Value, json};

use super::setting::{Bounds, Kind, Presence, Setting, Shape, Table};
use super::units::{DURATION_PATTERN, RATE_PATTERN, SIZE_PATTERN};

/// Returns the schema of a table as a complete document.
pub fn json_schema(table: &'static Table, title: &str) -> Value {
    let mut schema = object(table);
    schema.insert(
        "$schema".into(),
        "https://json-schema.org/draft/2020-12/schema".into(),
    );
    schema.insert("title".into(), title.into());
    schema.into()
}

fn object(table: &'static Table) -> Map<String, Value> {
    let settings = table.settings();
    let properties: Map<_, _> = settings
        .iter()
        .map(|setting| (setting.key.to_owned(), property(setting)))
        .collect();
    let is_required = |setting: &&&Setting| matches!(setting.presence, Presence::Required(_));
    let required: Vec<_> = settings
        .iter()
        .filter(is_required)
        .map(|it| it.key)
        .collect();
    let mut schema = Map::new();
    schema.insert("type".into(), "object".into());
    schema.insert("properties".into(), properties.into());
    if !required.is_empty() {
        schema.insert("required".into(), json!(required));
    }
    schema.insert("additionalProperties".into(), false.into());
    schema
}

fn property(setting: &Setting) -> Value {
    let mut schema = Map::new();
    schema.insert("description".into(), plain(setting.doc).into());
    if let Presence::Default(toml) = setting.presence {
        schema.insert("default".into(), default(toml));
    }
    if let Value::Object(kind) = kind(&setting.kind) {
        schema.extend(kind);
    }
    schema.into()
}

/// Returns a default as JSON.
pub(super) fn default(toml: &str) -> Value {
    let table: toml::Table = format!("value = {toml}")
        .parse()
        .expect("defaults are TOML");
    let json = serde_json::to_value(&table["value"]);
    json.expect("what TOML can write, JSON can")
}

fn kind(kind: &Kind) -> Value {
    match kind {
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Integer(bounds) => integer(bounds),
        Kind::Duration(_) => pattern(DURATION_PATTERN),
        Kind::Size(_) => pattern(SIZE_PATTERN),
        Kind::Rate => pattern(RATE_PATTERN),
        Kind::Text(Shape {
            pattern: Some(shape),
            ..
        }) => pattern(shape),
        Kind::Text(_) | Kind::Connection => json!({ "type": "string" }),
        Kind::Secret(_) => secret(),
        Kind::Path(_) => json!({ "type": "string", "minLength": 1 }),
        Kind::Statuses => list(&json!({
            "anyOf": [
                { "type": "integer", "minimum": 100, "maximum": 599 },
                pattern("^[1-5]([0-9][0-9]|xx)(-[1-5][0-9][0-9])?$"),
            ],
        })),
        Kind::Choice(words) => json!({
            "type": "string",
            "anyOf": [{ "enum": words() }, { "pattern": REFERENCE }],
        }),
        Kind::List(of, _) => list(&self::kind(of)),
        Kind::OneOrMore(of, _) => json!({ "anyOf": [self::kind(of), list(&self::kind(of))] }),
        Kind::Table(table) => object(table).into(),
        Kind::Map(of) => json!({ "type": "object", "additionalProperties": self::kind(of) }),
        Kind::Tables(table) => json!({ "type": "array", "items": object(table) }),
        Kind::Either(one, other) => json!({ "anyOf": [self::kind(one), self::kind(other)] }),
        Kind::Typed(types, declared) => {
            let types = types().into_iter();
            let types: Vec<_> = types
                .map(|(name, table)| typed(name, table, declared))
                .collect();
            json!({ "anyOf": types })
        }
        Kind::OneOf(_, tables) => {
            let tables: Vec<_> = tables.iter().map(|table| object(table)).collect();
            json!({ "anyOf": tables })
        }
    }
}

/// A reference to a variable may stand for any part of a string.
const REFERENCE: &str = r"\$\{";

fn pattern(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": format!("{REFERENCE}|{pattern}") })
}

fn integer(bounds: &Bounds<u32>) -> Value {
    let least = bounds.least.as_ref().map_or(1, |bound| bound.value);
    let most = bounds.most.as_ref().map_or(u32::MAX, |bound| bound.value);
    json!({ "type": "integer", "minimum": least, "maximum": most })
}

fn secret() -> Value {
    json!({
        "anyOf": [
            { "type": "string" },
            {
                "type": "object",
                "properties": { "file": { "type": "string", "minLength": 1 } },
                "required": ["file"],
                "additionalProperties": false,
            },
        ],
    })
}

fn list(items: &Value) -> Value {
    json!({ "type": "array", "minItems": 1, "items": items })
}

/// Returns one variant of a table with a `type`. The first type is the default one.
fn typed(name: &str, table: &'static Table, declared: &'static Table) -> Value {
    let mut schema = object(table);
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for setting in declared.settings() {
            let doc = plain(setting.doc);
            let value = json!({ "description": doc, "const": name });
            properties.insert(setting.key.into(), value);
        }
    }
    schema.into()
}

/// The folder of the page that the links of documentation texts are relative to, and
/// the page itself.
const PAGES: &str = "docs/reference";
const PAGE: &str = "docs/reference/configuration.md";

/// Returns a documentation text with the path of the page behind the text of each link.
pub(super) fn plain(doc: &str) -> String {
    let mut plain = String::new();
    let mut rest = doc.trim();
    while let Some((before, after)) = rest.split_once("](") {
        let Some((target, behind)) = after.split_once(')') else {
            break;
        };
        let (text, label) = before.rsplit_once('[').unwrap_or((before, ""));
        plain.push_str(&format!("{text}{label} ({})", page(target)));
        rest = behind;
    }
    plain + rest
}

/// Returns the path in the repository of the page that a link leads to.
fn page(target: &str) -> String {
    let target = target.split('#').next().unwrap_or_default();
    match target.strip_prefix("../") {
        _ if target.is_empty() => PAGE.into(),
        Some(path) => format!("docs/{path}"),
        None => format!("{PAGES}/{target}"),
    }
}
