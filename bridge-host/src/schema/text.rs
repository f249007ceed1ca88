//! Strings of a config, with `${NAME}` and `${NAME:default}` replaced from the
//! environment. Values from the environment are not shown. Reading the environment of the
//! process stays out.

use super::environment::Environment;
use crate::printable::is_printable;

/// A string: its value, and the text that may be shown instead.
#[derive(Clone, PartialEq, Eq)]
pub struct Text {
    value: String,
    shown: String,
}

impl Text {
    /// Creates a text that is shown unchanged.
    pub fn plain(value: impl Into<String>) -> Self {
        let value = value.into();
        Self {
            shown: value.clone(),
            value,
        }
    }

    /// Creates a text for which `shown` is shown.
    pub(crate) fn hidden(value: impl Into<String>, shown: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            shown: shown.into(),
        }
    }

    /// Returns the value, which must not be shown.
    pub fn expose(&self) -> &str {
        &self.value
    }

    /// Returns the text that may be shown: as the user wrote it, with `${NAME}` for a value
    /// from the environment.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Returns the text that may be shown, in backticks, in one line and shortened.
    pub(crate) fn quoted(&self) -> String {
        quote(&self.shown)
    }

    /// Replaces the value, and quoted parts of it, in a message, so that the message may be
    /// shown.
    pub(crate) fn hide_in(&self, message: &str) -> String {
        if self.value == self.shown || self.value.is_empty() {
            return message.into();
        }
        let escaped = format!("{:?}", self.value);
        let message = message.replace(&self.value, &self.shown);
        let hide = |(n, part): (usize, &str)| {
            let quoted = n % 2 == 1 && !part.is_empty();
            match quoted && escaped.contains(part) {
                true => "***".to_string(),
                false => part.to_string(),
            }
        };
        let parts: Vec<_> = message.split('"').enumerate().map(hide).collect();
        parts.join("\"")
    }
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.shown.fmt(f)
    }
}

/// The most characters of a text that a message quotes.
const LONGEST_QUOTED: usize = 60;

/// Returns a text in backticks, in one line and shortened.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::from("`");
    for (n, c) in text.chars().enumerate() {
        match c {
            _ if n == LONGEST_QUOTED => {
                quoted.push('…');
                break;
            }
            c if !is_printable(c) => quoted.extend(c.escape_default()),
            c => quoted.push(c),
        }
    }
    quoted.push('`');
    quoted
}

/// Why the references in a text cannot be replaced: what was found, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TextFault {
    pub(crate) what: String,
    pub(crate) help: String,
}

impl TextFault {
    fn new(what: String, help: String) -> Self {
        Self { what, help }
    }
}

/// Replaces every `${NAME}`, and `$$` by one dollar sign.
pub(crate) fn expand(written: &str, environment: &dyn Environment) -> Result<Text, TextFault> {
    let mut value = String::new();
    let mut rest = written;
    let mut has_reference = false;
    while let Some(dollar) = rest.find('$') {
        value.push_str(&rest[..dollar]);
        let after = &rest[dollar + 1..];
        rest = match after.chars().next() {
            Some('$') => {
                value.push('$');
                &after[1..]
            }
            Some('{') => {
                has_reference = true;
                let (replaced, rest) = replace(&after[1..], environment)?;
                value.push_str(&replaced);
                rest
            }
            Some(letter) if letter.is_ascii_alphabetic() || letter == '_' => {
                return Err(bare(after));
            }
            _ => {
                value.push('$');
                after
            }
        };
    }
    value.push_str(rest);
    Ok(match has_reference {
        true => Text::hidden(value, written),
        false => Text::plain(value),
    })
}

/// Replaces one reference. `text` begins behind its `${`.
fn replace<'a>(
    text: &'a str,
    environment: &dyn Environment,
) -> Result<(String, &'a str), TextFault> {
    let Some((reference, rest)) = text.split_once('}') else {
        return Err(TextFault::new(
            "`${` without `}`".into(),
            "write `${NAME}` or `${NAME:default}`, and `$$` for a dollar sign".into(),
        ));
    };
    let (name, default) = match reference.split_once(':') {
        Some((name, default)) => (name, Some(default)),
        None => (reference, None),
    };
    if !is_name(name) {
        return Err(TextFault::new(
            format!("`${{{name}}}` is not the name of a variable"),
            "a name consists of letters, digits and `_`: `${NAME}` or `${NAME:default}`".into(),
        ));
    }
    let default = default
        .map(|default| shell_default(name, default))
        .transpose()?;
    let found = environment.variable(name);
    match (found, default) {
        (Some(value), Some(default)) if value.is_empty() => Ok((default.into(), rest)),
        (Some(value), _) => Ok((value, rest)),
        (None, _) if environment.is_set(name) => Err(TextFault::new(
            format!("the environment variable `{name}` is not UTF-8"),
            "set it to UTF-8 text".into(),
        )),
        (None, Some(default)) => Ok((default.into(), rest)),
        (None, None) => Err(TextFault::new(
            format!("the environment variable `{name}` is not set"),
            format!("set it, or give a default: `${{{name}:default}}`"),
        )),
    }
}

/// Returns the default, which may be written as in a shell, too: `${NAME:-default}`.
/// Refuses the other operators of shells, which would be read as a default.
fn shell_default<'a>(name: &str, written: &'a str) -> Result<&'a str, TextFault> {
    match written.chars().next() {
        Some('-') => Ok(&written[1..]),
        Some(sign @ ('?' | '+' | '=')) => Err(TextFault::new(
            format!("`${{{name}:{sign}…}}` is not supported"),
            format!(
                "write `${{{name}}}`, which is an error if the variable is not set, or `${{{name}:-default}}`, which has a default"
            ),
        )),
        _ => Ok(written),
    }
}

fn bare(after: &str) -> TextFault {
    let end = after
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(after.len());
    let name = &after[..end];
    TextFault::new(
        format!("`${name}` is not a reference to a variable"),
        format!("write `${{{name}}}` for the variable, or `$${name}` for a dollar sign"),
    )
}

fn is_name(name: &str) -> bool {
    let starts_well = !name.starts_with(|c: char| c.is_ascii_digit()) && !name.is_empty();
    starts_well && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Returns whether a text contains no secret because it is only a reference, with at most
/// one word before it: `${TOKEN}`, `Bearer ${TOKEN}`.
pub(crate) fn is_reference(written: &str) -> bool {
    let reference = match written.split_once(' ') {
        Some((word, rest)) if word.chars().all(|c| c.is_ascii_alphabetic()) => rest,
        _ => written,
    };
    reference
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'))
        .is_some_and(is_name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn try_expand(written: &str) -> Result<Text, TextFault> {
        let environment = BTreeMap::from([
            ("A".to_string(), "one".to_string()),
            ("EMPTY".into(), String::new()),
        ]);
        expand(written, &environment)
    }

    #[test]
    fn references_are_replaced() {
        for (written, value) in [
            ("x", "x"),
            ("${A}-${A}", "one-one"),
            ("${B:two}", "two"),
            ("${EMPTY:two}", "two"),
            ("${EMPTY}", ""),
            ("${B:a:b}", "a:b"),
            ("${B:-two}", "two"),
            ("${EMPTY:-two}", "two"),
            ("${A:-two}", "one"),
            ("${B:-}", ""),
            ("${B:--2}", "-2"),
            ("$$A $${A} 5$ ^a$", "$A ${A} 5$ ^a$"),
            ("€${A}€", "€one€"),
        ] {
            assert_eq!(try_expand(written).unwrap().expose(), value, "{written}");
        }
    }

    #[test]
    fn values_from_the_environment_are_not_shown() {
        let text = try_expand("x ${A}").unwrap();
        assert_eq!(
            (text.shown(), format!("{text:?}").as_str()),
            ("x ${A}", "\"x ${A}\"")
        );
        assert_eq!(text.hide_in("no `x one` here"), "no `x ${A}` here");
        assert_eq!(text.hide_in("the word \"one\""), "the word \"***\"");
    }

    #[test]
    fn quoted_texts_have_one_line() {
        assert_eq!(quote("a\n\u{1b}[31m\"b\""), "`a\\n\\u{1b}[31m\"b\"`");
        assert_eq!(quote(&"x".repeat(100)).chars().count(), LONGEST_QUOTED + 3);
    }

    #[test]
    fn faults() {
        for (written, what) in [
            ("${B}", "the environment variable `B` is not set"),
            ("${", "`${` without `}`"),
            ("${a-b}", "`${a-b}` is not the name of a variable"),
            ("${A:?unset}", "`${A:?…}` is not supported"),
            ("${B:+x}", "`${B:+…}` is not supported"),
            ("${B:=x}", "`${B:=…}` is not supported"),
            ("$A.", "`$A` is not a reference to a variable"),
        ] {
            assert_eq!(try_expand(written).unwrap_err().what, what);
        }
    }
}
