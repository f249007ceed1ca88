//! The tables of docs/reference/configuration.md. The page itself has the text around the tables,
//! and marks where each one goes.

use super::setting::{Bound, Bounds, Kind, Presence, Setting, Table};
use super::units::{show_size, write_duration};

/// Returns the rows for a table: key, default, meaning.
pub fn markdown(table: &'static Table) -> String {
    let mut rows = String::from("| key | default | meaning |\n|---|---|---|\n");
    add(&mut rows, "", table);
    rows
}

fn add(rows: &mut String, prefix: &str, table: &'static Table) {
    for setting in table.settings() {
        let key = format!("{prefix}{}", setting.key);
        match (setting.kind, setting.presence) {
            // The table always exists, and has no meaning beyond its keys.
            (Kind::Table(inner), Presence::Default(_)) => add(rows, &format!("{key}."), inner),
            (Kind::Table(inner), _) => {
                rows.push_str(&row(&key, setting));
                add(rows, &format!("{key}."), inner);
            }
            (Kind::Map(_), _) if matches!(setting.kind, Kind::Map(Kind::Either(..))) => {
                rows.push_str(&row(&format!("{key}.NAME"), setting));
            }
            _ => rows.push_str(&row(&key, setting)),
        }
    }
}

fn row(key: &str, setting: &Setting) -> String {
    let default = match setting.presence {
        Presence::Required(_) => "required".into(),
        Presence::Default(toml) => format!("`{toml}`"),
        Presence::Optional(without) => without.to_owned(),
    };
    let cell = |text: &str| text.replace('|', "\\|");
    let doc = format!("{}{}", setting.doc.trim(), limits(&setting.kind));
    format!("| `{key}` | {} | {} |\n", cell(&default), cell(&doc))
}

/// Returns a sentence on the limits of a value, if the declaration has limits.
fn limits(kind: &Kind) -> String {
    match kind {
        Kind::Integer(bounds) => within(bounds, |number| format!("`{number}`")),
        Kind::Duration(bounds) => within(bounds, |it| format!("`\"{}\"`", write_duration(*it))),
        Kind::Size(bounds) => within(bounds, |size| format!("`\"{}\"`", show_size(*size))),
        _ => String::new(),
    }
}

fn within<T>(bounds: &Bounds<T>, show: impl Fn(&T) -> String) -> String {
    let text = |bound: &Option<Bound<T>>| bound.as_ref().map(|bound| show(&bound.value));
    match (text(&bounds.least), text(&bounds.most)) {
        (None, None) => String::new(),
        (Some(least), None) => format!(" At least {least}."),
        (None, Some(most)) => format!(" At most {most}."),
        (Some(least), Some(most)) => format!(" From {least} to {most}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Part, duration, flag};

    const INNER: &Table = &Table {
        parts: &[Part::One(
            flag().default("true").named("on", " Whether a | b."),
        )],
    };
    const OUTER: &Table = &Table {
        parts: &[
            Part::One(
                duration()
                    .required("")
                    .least(std::time::Duration::from_secs(1), "")
                    .named("wait", " How long."),
            ),
            Part::One(
                super::super::Declaration::<()>::kind(Kind::Table(INNER))
                    .default("{}")
                    .named("inner", ""),
            ),
        ],
    };

    #[test]
    fn each_key_has_a_row() {
        assert_eq!(
            markdown(OUTER),
            "| key | default | meaning |\n|---|---|---|\n\
             | `wait` | required | How long. At least `\"1s\"`. |\n\
             | `inner.on` | `true` | Whether a \\| b. |\n"
        );
    }
}
