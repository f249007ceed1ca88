//! Text that others wrote, made fit to be shown: nothing in it moves the
//! cursor, hides what follows or turns the line around, and it has an end.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether a character shows as itself. Control characters do not, nor those
/// that turn the direction of a line or are invisible; the joiners of scripts
/// that need them do.
pub fn is_printable(c: char) -> bool {
    let unseen = matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}');
    !c.is_control() && !unseen
}

/// The text in one line: what does not show is written as `\n`, `\u{1b}`.
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, |c| !is_printable(c))
}

/// The same for a text of several lines, which stay lines.
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

/// A line of a log whose colours are its own, and whose other escape sequences
/// are none any more.
pub fn printable_log(text: &str) -> Cow<'_, str> {
    escaped(text, |c| !is_printable(c) && !"\n\t\u{1b}".contains(c))
}

/// JSON with the same characters escaped, as only its strings can have them.
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

/// The beginning of a text: at most so many characters, and `…` where there
/// were more.
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
    fn what_does_not_show_is_escaped() {
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
    fn json_stays_what_it_is() {
        let text = "\u{202e}\u{9b}\u{e0041}\u{1b}ü\n";
        let json = serde_json::to_string(text).unwrap();
        let shown = printable_json(&json);
        assert!(shown.chars().all(is_printable), "{shown}");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
    }

    #[test]
    fn long_texts_have_an_end() {
        assert_eq!(beginning("äöü", 3), "äöü");
        assert_eq!(beginning("äöüß", 3), "äöü…");
    }
}
