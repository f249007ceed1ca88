//! A source file as the rules see it: its text; its code, in which comments and
//! literals are blank; and its comments, in which everything else is blank.

/// A text file of the repository.
pub struct Source {
    /// The path from the repository's root, separated by `/`.
    pub path: String,
    /// The text of the file.
    pub text: String,
    /// The code, with as many lines as `text`; empty unless the file is Rust.
    pub code: String,
    /// The comments, likewise.
    pub comments: String,
}

impl Source {
    /// Creates a file with this path and text.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let (path, text) = (path.into(), text.into());
        let (code, comments) = if path.ends_with(".rs") {
            split_comments(&text)
        } else {
            Default::default()
        };
        Self {
            path,
            text,
            code,
            comments,
        }
    }

    /// Returns whether the file is Rust.
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Returns the path within the host's sources: `delivery/decide.rs`.
    pub fn in_host(&self) -> Option<&str> {
        self.path.strip_prefix("bridge-host/src/")
    }

    /// Returns the room of the host that the file belongs to: `delivery`.
    /// `lib.rs` and `main.rs` belong to none.
    pub fn room(&self) -> Option<&str> {
        let inside = self.in_host()?;
        let room = inside
            .split('/')
            .next()
            .map(|first| first.strip_suffix(".rs").unwrap_or(first))?;
        (!matches!(room, "lib" | "main")).then_some(room)
    }

    /// Returns the code before the unit tests, to which some rules do not apply.
    pub fn without_tests(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        if name == "tests.rs" || self.path.contains("/tests/") {
            return "";
        }
        let end = self.code.match_indices("#[cfg(test)]").find(|(at, mark)| {
            let after = self.code[at + mark.len()..].trim_start();
            after.starts_with("mod ") && !after.starts_with("mod tests;")
        });
        &self.code[..end.map_or(self.code.len(), |(at, _)| at)]
    }
}

/// Returns the lines, from 1, on which `word` occurs as a whole word, or as the
/// beginning of one if it ends in `_`.
pub fn lines_naming(code: &str, word: &str) -> Vec<usize> {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    let first_inside = word.starts_with(inside);
    let last_inside = word.ends_with(inside) && !word.ends_with('_');
    let mut lines: Vec<usize> = code
        .match_indices(word)
        .filter(|(at, _)| {
            let before = code[..*at].chars().next_back();
            let after = code[at + word.len()..].chars().next();
            let begun_before = first_inside && before.is_some_and(inside);
            let goes_on = last_inside && after.is_some_and(inside);
            !begun_before && !goes_on
        })
        .map(|(at, _)| line_at(code, at))
        .collect();
    lines.dedup();
    lines
}

/// Returns the line, from 1, that contains this byte.
pub fn line_at(text: &str, at: usize) -> usize {
    text[..at].bytes().filter(|byte| *byte == b'\n').count() + 1
}

/// Splits a text into its code and its comments, each with blanks where the other is.
/// Both have blanks where strings and characters are. Every byte becomes one byte, so
/// that positions stay the same.
fn split_comments(text: &str) -> (String, String) {
    let bytes = text.as_bytes();
    let (mut code, mut comments) = (Vec::new(), Vec::new());
    let shown = |byte: u8| if byte.is_ascii() { byte } else { b'_' };
    let hidden = |byte: u8| if byte == b'\n' { b'\n' } else { b' ' };
    while code.len() < bytes.len() {
        let at = code.len();
        let skipped = literal_length(&bytes[at..], at.checked_sub(1).map(|before| bytes[before]));
        if skipped == 0 {
            code.push(shown(bytes[at]));
            comments.push(hidden(bytes[at]));
            continue;
        }
        let skipped = &bytes[at..at + skipped];
        code.extend(skipped.iter().copied().map(hidden));
        match skipped {
            [b'/', b'/' | b'*', ..] => comments.extend(skipped.iter().copied().map(shown)),
            _ => comments.extend(skipped.iter().copied().map(hidden)),
        }
    }
    let string = |bytes| String::from_utf8(bytes).expect("only ASCII was pushed");
    (string(code), string(comments))
}

/// Returns the length of the comment or literal that begins here; 0 for code.
fn literal_length(rest: &[u8], before: Option<u8>) -> usize {
    let in_word = before.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    match rest {
        [b'/', b'/', ..] => line_end(rest),
        [b'/', b'*', ..] => block_end(rest),
        [b'"', ..] => string_end(rest),
        [b'r', b'"' | b'#', ..] if !in_word => raw_end(rest, 1),
        [b'b', b'r', b'"' | b'#', ..] if !in_word => raw_end(rest, 2),
        [b'\'', b'\\', ..] => 2 + position(&rest[2..], |w| w[0] == b'\'', 1).unwrap_or(0) + 1,
        [b'\'', ..] => char_end(rest),
        _ => 0,
    }
    .min(rest.len())
}

fn position(bytes: &[u8], found: impl Fn(&[u8]) -> bool, from: usize) -> Option<usize> {
    (from..bytes.len()).find(|at| found(&bytes[*at..]))
}

fn line_end(rest: &[u8]) -> usize {
    position(rest, |w| w[0] == b'\n', 0).unwrap_or(rest.len())
}

fn block_end(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] if depth == 1 => return at + 2,
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    rest.len()
}

fn string_end(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Returns the length of a raw string; `r#name` is a word and not a literal.
fn raw_end(rest: &[u8], prefix: usize) -> usize {
    let hashes = rest[prefix..].iter().take_while(|b| **b == b'#').count();
    if rest.get(prefix + hashes) != Some(&b'"') {
        return 0;
    }
    let close: Vec<u8> = std::iter::once(b'"')
        .chain(std::iter::repeat_n(b'#', hashes))
        .collect();
    let from = prefix + hashes + 1;
    position(rest, |w| w.starts_with(&close), from).map_or(rest.len(), |at| at + close.len())
}

/// Returns the length of a character literal; a lifetime (`'a`) is code.
fn char_end(rest: &[u8]) -> usize {
    let text = std::str::from_utf8(&rest[1..rest.len().min(6)]);
    let text = text.unwrap_or_else(|e| {
        std::str::from_utf8(&rest[1..1 + e.valid_up_to()]).expect("valid up to here")
    });
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(c), Some('\'')) => c.len_utf8() + 2,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_places_kept() {
        let text = "let a = \"wac\"; // wac\n/* wac /* wac */ wac */ let r#b = r#\"wac\"#;\nlet c = '\"'; fn d<'a>(e: &'a str) {}\nlet f = b'\\''; wac";
        let (code, comments) = split_comments(text);
        assert_eq!(code.len(), text.len());
        assert_eq!(lines_naming(&code, "wac"), [4]);
        assert_eq!(comments.len(), text.len());
        assert_eq!(lines_naming(&comments, "wac"), [1, 2]);
        assert!(code.contains("fn d<'a>(e: &'a str)"));
    }

    #[test]
    fn names_are_whole_words() {
        assert_eq!(lines_naming("wasmtimely\nx.wasmtime.y", "wasmtime"), [2]);
        assert_eq!(lines_naming("wasmtime_wasi::x", "wasmtime_"), [1]);
        assert!(lines_naming("my_wasmtime_wasi", "wasmtime_").is_empty());
    }

    #[test]
    fn unit_tests_are_no_product() {
        let source = Source::new("a.rs", "fn a() {}\n#[cfg(test)]\nmod tests { fn b() {} }");
        assert!(source.without_tests().contains("fn a"));
        assert!(!source.without_tests().contains("fn b"));
        assert_eq!(
            Source::new("x/tests/it/a.rs", "fn a() {}").without_tests(),
            ""
        );
    }

    #[test]
    fn a_file_knows_its_room() {
        let room = |path: &str| Source::new(path, "").room().map(String::from);
        assert_eq!(
            room("bridge-host/src/delivery.rs").as_deref(),
            Some("delivery")
        );
        assert_eq!(
            room("bridge-host/src/broker/nats.rs").as_deref(),
            Some("broker")
        );
        assert_eq!(room("bridge-host/src/lib.rs"), None);
        assert_eq!(room("xtask/src/main.rs"), None);
    }
}
