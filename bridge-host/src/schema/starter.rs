//! Writes a starter config: every key of a table as a comment, with its documentation and
//! its default. The choice and the order of tables stay out: `cli/init` has them.

use super::json::plain;
use super::setting::{Kind, Presence, Setting, Table};

/// The most characters of a line.
const WIDTH: usize = 100;

/// Returns the keys of a table with their documentation, all of them commented out.
pub fn commented(table: &'static Table) -> String {
    let mut text = String::new();
    add(&mut text, "", table, &[]);
    text
}

/// As [`commented`], without some keys.
pub fn commented_without(table: &'static Table, without: &[&str]) -> String {
    let mut text = String::new();
    add(&mut text, "", table, without);
    text
}

fn add(text: &mut String, prefix: &str, table: &'static Table, without: &[&str]) {
    for setting in table.settings() {
        let key = format!("{prefix}{}", setting.key);
        if without.contains(&key.as_str()) {
            continue;
        }
        if let (Kind::Table(inner), Presence::Default(_)) = (setting.kind, setting.presence) {
            add(text, &format!("{key}."), inner, without);
            continue;
        }
        text.push_str(&comment(&plain(setting.doc)));
        text.push_str(&line(&key, setting));
        text.push('\n');
    }
}

/// Returns the key with its default, or with `…` if it has none.
fn line(key: &str, setting: &Setting) -> String {
    match setting.presence {
        Presence::Default(toml) => format!("# {key} = {toml}\n"),
        Presence::Required(_) => format!("# {key} = …    # required\n"),
        Presence::Optional(without) => {
            format!("# {key} = …    # without it: {}\n", plain(without))
        }
    }
}

/// Returns a text as comment lines.
pub fn comment(text: &str) -> String {
    let mut comment = String::new();
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            comment.push_str(&line);
            comment.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    comment + &line + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Declaration, Part, duration, flag};

    const TABLE: &Table = &Table {
        parts: &[
            Part::One(
                duration()
                    .default("\"1s\"")
                    .named("wait", " How long, see [waits](../guides/waits.md#long)."),
            ),
            Part::One(flag().optional("`true`").named("on", " Whether.")),
            Part::One(
                Declaration::<()>::kind(Kind::Table(&Table {
                    parts: &[Part::One(flag().required("").named("deep", " Deep."))],
                }))
                .default("{}")
                .named("inner", ""),
            ),
        ],
    };

    #[test]
    fn keys_are_shown_with_their_defaults() {
        assert_eq!(
            commented_without(TABLE, &["on"]),
            "# How long, see waits (docs/guides/waits.md).\n# wait = \"1s\"\n\n# Deep.\n# inner.deep = …    # required\n\n"
        );
        assert!(commented(TABLE).contains("# on = …    # without it: `true`\n"));
    }

    #[test]
    fn comments_are_wrapped() {
        let long = comment(&"word ".repeat(50));
        assert!(
            long.lines()
                .all(|line| line.starts_with("# word") && line.len() <= WIDTH)
        );
        assert_eq!(long.lines().count(), 3);
    }
}
