//! Finds the parts of a config file that are secrets and never shown: literal tokens,
//! header values, and the user names, passwords and queries of URLs.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::text::is_reference;

/// A key whose value is a secret, and keys of tables whose values are secrets.
const TOKEN: &str = "token";
const HEADERS: &str = "headers";
const ENV: &str = "env";
/// Words in a key of `settings` whose value is likely a secret.
const SECRET_WORDS: [&str; 12] = [
    "token",
    "secret",
    "password",
    "passwd",
    "key",
    "credential",
    "authorization",
    "bearer",
    "cookie",
    "signature",
    "pwd",
    "pass",
];

/// The words that are long enough to be recognised when mistyped, and that do not
/// resemble any key of a config.
const MISTYPED: [&str; 8] = [
    "token",
    "secret",
    "password",
    "passwd",
    "credential",
    "authorization",
    "cookie",
    "signature",
];

/// A key whose name sounds like a secret, although it only orders messages.
const ORDER_KEY: &str = "order_key";

/// The secrets of a file, as spans of its text.
pub(crate) fn secrets(text: &str, table: &DeTable<'_>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    walk(text, table, false, &mut found);
    found
}

/// Adds the spans of everything in a value of any type.
pub(crate) fn values(
    text: &str,
    value: &toml::Spanned<DeValue<'_>>,
    found: &mut Vec<Range<usize>>,
) {
    visit(text, value, true, found);
}

/// Returns whether a key sounds like a secret, even if mistyped.
pub(crate) fn sounds_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    let contains = SECRET_WORDS.iter().any(|word| key.contains(word));
    let mut words = key.split(|c: char| !c.is_alphanumeric());
    let is_alike = |word: &str| {
        let mut known = MISTYPED.iter();
        known.any(|known| strsim::jaro_winkler(word, known) >= ALIKE)
    };
    key != ORDER_KEY && (contains || words.any(is_alike))
}

/// How similar a word must be to a word for a secret to count as a mistyped one.
const ALIKE: f64 = 0.92;

fn walk(text: &str, table: &DeTable<'_>, secret: bool, found: &mut Vec<Range<usize>>) {
    for (key, value) in table.iter() {
        let key = key.get_ref();
        let by_name = [TOKEN, HEADERS, ENV].contains(&&**key) || sounds_secret(key);
        // The value of `file` in `{ file = "…" }` is a path, not a secret.
        let secret = (secret || by_name) && key != "file" && !key.ends_with("_file");
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
        DeValue::String(_) => found.extend(in_url(text, value.span())),
        _ if secret => found.push(value.span()),
        _ => {}
    }
}

/// Returns the span of a string without its one or three quotes on each side.
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

/// Returns the `user:password` or the query of a URL.
fn in_url(text: &str, span: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let span = inside_quotes(text, span);
    let url = &text[span.clone()];
    let found = [find_user_info(url), find_query(url)];
    let moved = move |found: Range<usize>| span.start + found.start..span.start + found.end;
    found.into_iter().flatten().map(moved)
}

fn find_user_info(text: &str) -> Option<Range<usize>> {
    let start = text.find("://")? + 3;
    let before_query = text[start..].split('?').next()?;
    let authority = before_query.split(['/', '#']).next()?;
    // A password that is not percent-encoded may have a `/` in it.
    let at = authority.rfind('@').or_else(|| before_query.rfind('@'))?;
    (!is_reference(&before_query[..at])).then_some(start..start + at)
}

fn find_query(url: &str) -> Option<Range<usize>> {
    let start = url.find('?')? + 1;
    url.contains("://").then_some(start..url.len())
}

/// Returns a URL with its query masked.
pub(crate) fn hide_query(url: &str) -> String {
    match url.split_once('?') {
        Some((before, _)) => format!("{before}?***"),
        None => url.into(),
    }
}

/// Returns what may be a secret in a file that is not valid TOML, on the line of the
/// error: everything behind the key, unless the key is one of `plain`.
pub(crate) fn secret_near(
    text: &str,
    at: usize,
    plain: &BTreeSet<&'static str>,
) -> Option<Range<usize>> {
    let at = text.floor_char_boundary(at);
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
    let section = text[..start].rfind("\n[").unwrap_or(0);
    let inside = &text[section..end];
    let suspect = inside.contains(HEADERS) || sounds_secret(inside) || inside.contains("://");
    let line = &text[start..end];
    let key = line.split('=').next().unwrap_or_default().trim();
    match line.find('=') {
        _ if line.trim_start().starts_with('[') => None,
        Some(_) if !suspect && plain.contains(key) => None,
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
        check("url = 'redis://me:p/w@host'", &["me:p/w"]);
        check("to.url = 'https://host/a?sig=1#x'", &["sig=1#x"]);
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
        let plain = BTreeSet::from(["level", "name"]);
        let found = secret_near(text, text.find("abc").unwrap(), &plain);
        assert_eq!(&text[found.unwrap()], " \"abc");
        assert_eq!(secret_near("[log]\nlevel = \"abc", 15, &plain), None);
        let text = "[[subscriptions]]\nname = 'a'\npasword = \"abc";
        let found = secret_near(text, text.len(), &plain);
        assert_eq!(&text[found.unwrap()], " \"abc");
    }

    #[test]
    fn mistyped_words_sound_secret() {
        for key in [
            "pasword",
            "api_tokn",
            "Authorisation",
            "x-crednetial",
            "order_keys",
        ] {
            assert!(sounds_secret(key), "{key}");
        }
        for key in [
            "minimum",
            "currency",
            "order_key",
            "path",
            "breaker",
            "timeout",
        ] {
            assert!(!sounds_secret(key), "{key}");
        }
    }
}
