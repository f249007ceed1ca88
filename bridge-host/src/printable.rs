//! Makes text from outside safe to print: escapes characters that move the cursor, hide
//! text or change its direction, and shortens long text. Secrets stay out.

use std::borrow::Cow;
use std::fmt::Write;

/// Returns whether a character may be printed as it is. Control characters, characters
/// that change the direction of text, and invisible ones may not; the joiners that some
/// scripts need may.
pub fn is_printable(c: char) -> bool {
    let is_invisible = matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}');
    !c.is_control() && !is_invisible
}

/// Returns the text as one line, with other characters escaped as `\n` or `\u{1b}`.
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, |c| !is_printable(c))
}

/// As [`printable`], but keeps newlines and tabs.
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| !is_printable(c) && c != '\n' && c != '\t')
}

fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match is_escaped(c) {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// As [`printable_lines`], but keeps the escape character too, for a log line whose
/// colours the logger has added.
pub fn printable_log(text: &str) -> Cow<'_, str> {
    escaped(text, |c| !is_printable(c) && !"\n\t\u{1b}".contains(c))
}

/// Returns JSON with the same characters escaped. Only strings can contain them.
pub fn printable_json(json: &str) -> Cow<'_, str> {
    let is_escaped = |c| !is_printable(c) && c != '\n';
    if !json.contains(is_escaped) {
        return Cow::Borrowed(json);
    }
    let mut shown = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        match is_escaped(c) {
            true => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                // Writing to a String does not fail.
                _ = write!(shown, "\\u{unit:04x}");
            }),
            false => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// Returns the first `most` characters of a text, with `…` if there are more.
pub fn beginning(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unprintable_characters_are_escaped() {
        for (text, shown) in [
            ("löwe \u{1f468}\u{200d}\u{1f469} می\u{200c}خواهم", None),
            ("a\u{1b}[2J", Some("a\\u{1b}[2J")),
            ("a\r\n\tb", Some("a\\r\\n\\tb")),
            ("\u{9b}31m\u{7f}", Some("\\u{9b}31m\\u{7f}")),
            ("exe.\u{202e}txt\u{2066}", Some("exe.\\u{202e}txt\\u{2066}")),
            ("a\u{200b}b\u{feff}", Some("a\\u{200b}b\\u{feff}")),
        ] {
            assert_eq!(printable(text), shown.unwrap_or(text));
        }
        assert_eq!(printable_lines("a\n\tb\r\u{7}"), "a\n\tb\\r\\u{7}");
    }

    #[test]
    fn escaped_json_has_the_same_value() {
        let text = "\u{202e}\u{9b}\u{e0041}\u{1b}ü\n";
        let json = serde_json::to_string(text).unwrap();
        let shown = printable_json(&json);
        assert!(shown.chars().all(is_printable), "{shown}");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
    }

    #[test]
    fn long_texts_are_shortened() {
        assert_eq!(beginning("äöü", 3), "äöü");
        assert_eq!(beginning("äöüß", 3), "äöü…");
    }
}
