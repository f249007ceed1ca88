//! Which parts of a config file are secrets, and never shown: literal tokens,
//! header values, and user names and passwords within URLs.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::text::is_reference;

/// Keys whose value is a secret, and keys of tables of them.
const TOKEN: &str = "token";
const HEADERS: &str = "headers";
const ENV: &str = "env";
/// What a key of `settings` is called when its value is likely a secret.
const SECRET_WORDS: [&str; 5] = ["token", "secret", "password", "passwd", "key"];

/// A key that sounds like a secret, and says what messages share.
const ORDER_KEY: &str = "order_key";

/// The secrets of a file, as spans of its text.
pub(super) fn secrets(text: &str, table: &DeTable<'_>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    walk(text, table, false, &mut found);
    found
}

/// Whether a key of `settings` sounds like a secret.
pub(super) fn sounds_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    key != ORDER_KEY && SECRET_WORDS.iter().any(|word| key.contains(word))
}

fn walk(text: &str, table: &DeTable<'_>, secret: bool, found: &mut Vec<Range<usize>>) {
    for (key, value) in table.iter() {
        let key = key.get_ref();
        let by_name = [TOKEN, HEADERS, ENV].contains(&&**key) || sounds_secret(key);
        // What `{ file = "…" }` names is a path, and no secret.
        let secret = (secret || by_name) && key != "file";
        visit(text, value, secret, found);
    }
}

fn visit(
    text: &str,
    value: &toml::Spanned<DeValue<'_>>,
    secret: bool,
    found: &mut Vec<Range<usize>>,
) {
    match value.get_ref() {
        DeValue::Table(table) => walk(text, table, secret, found),
        DeValue::Array(items) => {
            for item in items.iter() {
                visit(text, item, secret, found);
            }
        }
        DeValue::String(written) if secret && is_reference(written) => {}
        DeValue::String(_) if secret => found.push(inside_quotes(text, value.span())),
        DeValue::String(_) => found.extend(user_info(text, value.span())),
        _ if secret => found.push(value.span()),
        _ => {}
    }
}

/// The span of a string without its quotes, of which there are one or three.
fn inside_quotes(text: &str, span: Range<usize>) -> Range<usize> {
    let written = &text[span.clone()];
    let quotes = match written {
        _ if written.starts_with("\"\"\"") || written.starts_with("'''") => 3,
        _ => 1,
    };
    match written.len() >= 2 * quotes {
        true => span.start + quotes..span.end - quotes,
        false => span,
    }
}

/// The `user:password` of a URL.
fn user_info(text: &str, span: Range<usize>) -> Option<Range<usize>> {
    let found = find_user_info(&text[span.clone()])?;
    Some(span.start + found.start..span.start + found.end)
}

fn find_user_info(text: &str) -> Option<Range<usize>> {
    let start = text.find("://")? + 3;
    let authority = text[start..].split(['/', '?', '#']).next()?;
    let at = authority.rfind('@')?;
    (!is_reference(&authority[..at])).then_some(start..start + at)
}

/// A URL without the user and password that it may name.
pub(super) fn hide_user_info(url: &str) -> String {
    match find_user_info(url) {
        Some(span) => format!("{}***{}", &url[..span.start], &url[span.end..]),
        None => url.into(),
    }
}

/// What may be a secret in a file that is no TOML, on the line of the byte
/// where that shows.
pub(super) fn secret_near(text: &str, at: usize) -> Option<Range<usize>> {
    let at = text.floor_char_boundary(at);
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
    let section = text[..start].rfind("\n[").unwrap_or(0);
    let inside = &text[section..end];
    let suspect = inside.contains(HEADERS) || sounds_secret(inside) || inside.contains("://");
    let line = &text[start..end];
    match line.find('=') {
        _ if !suspect || line.trim_start().starts_with('[') => None,
        Some(equals) => Some(start + equals + 1..end),
        None => Some(start..end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let table = DeTable::parse(text).unwrap();
        let mut found = secrets(text, table.get_ref());
        found.sort_by_key(|span| span.start);
        let found: Vec<_> = found.into_iter().map(|span| &text[span]).collect();
        assert_eq!(found, expected, "in {text}");
    }

    #[test]
    fn literal_secrets_are_found() {
        check("token = 'abc'", &["abc"]);
        check("to.headers = { x = \"1\", y = '''2''' }", &["1", "2"]);
        check("to = 'https://me:pw@host/@'", &["me:pw"]);
        check("settings = { api_key = 'k', minimum = '1' }", &["k"]);
        check("token = '${A:default}'", &["${A:default}"]);
        check("token = 123456", &["123456"]);
    }

    #[test]
    fn references_and_the_rest_are_shown() {
        check("token = '${A}'\nheaders.a = 'Bearer ${B}'", &[]);
        check("token = { file = 'here' }\nname = 'x'", &[]);
    }

    #[test]
    fn broken_lines_hide_what_may_be_a_secret() {
        let text = "[intake]\ntoken = \"abc\nlevel = 1";
        let found = secret_near(text, text.find("abc").unwrap());
        assert_eq!(&text[found.unwrap()], " \"abc");
        assert_eq!(secret_near("[log]\nlevel = \"abc", 15), None);
    }
}
