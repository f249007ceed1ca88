//! A source file as the rules see it: its text, and its code, which is the
//! text with comments and the insides of literals blanked, line by line.

/// One text file of the repository.
pub struct Source {
    /// From the repository's root, parted by `/`.
    pub path: String,
    /// As it is on disk.
    pub text: String,
    /// As long as `text` in lines; empty for other files than Rust's.
    pub code: String,
}

impl Source {
    /// A file of this path and text.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let (path, text) = (path.into(), text.into());
        let code = if path.ends_with(".rs") {
            blank(&text)
        } else {
            String::new()
        };
        Self { path, text, code }
    }

    /// Whether it is Rust.
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The path within the host's sources: `delivery/decide.rs`.
    pub fn in_host(&self) -> Option<&str> {
        self.path.strip_prefix("bridge-host/src/")
    }

    /// The room of the host that it belongs to: `delivery`. The map (`lib.rs`)
    /// and `main.rs` belong to none.
    pub fn room(&self) -> Option<&str> {
        let inside = self.in_host()?;
        let room = inside
            .split('/')
            .next()
            .map(|first| first.strip_suffix(".rs").unwrap_or(first))?;
        (!matches!(room, "lib" | "main")).then_some(room)
    }

    /// The code before its unit tests, which may name what the code may not.
    pub fn product(&self) -> &str {
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

/// Where `word` stands in `code` as a word of its own, or as the beginning of
/// one when it ends in `_`. Gives numbers of lines, from 1.
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

/// The number of the line, from 1, that holds this byte.
pub fn line_at(text: &str, at: usize) -> usize {
    text[..at].bytes().filter(|byte| *byte == b'\n').count() + 1
}

/// Blanks comments and the insides of strings and characters. Every byte
/// becomes one byte, so that places stay.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    while out.len() < bytes.len() {
        let at = out.len();
        let skipped = skipped(&bytes[at..], at.checked_sub(1).map(|before| bytes[before]));
        if skipped == 0 {
            out.push(if bytes[at].is_ascii() {
                bytes[at]
            } else {
                b'_'
            });
            continue;
        }
        let hidden = &bytes[at..at + skipped];
        out.extend(
            hidden
                .iter()
                .map(|b| if *b == b'\n' { b'\n' } else { b' ' }),
        );
    }
    String::from_utf8(out).expect("only ASCII was pushed")
}

/// How many bytes a comment or literal that begins here takes; 0 for code.
fn skipped(rest: &[u8], before: Option<u8>) -> usize {
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

/// A raw string; `r#name` is a word and no literal.
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

/// A character; a lifetime (`'a`) is code.
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
        let code = blank(text);
        assert_eq!(code.len(), text.len());
        assert_eq!(lines_naming(&code, "wac"), [4]);
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
        assert!(source.product().contains("fn a"));
        assert!(!source.product().contains("fn b"));
        assert_eq!(Source::new("x/tests/it/a.rs", "fn a() {}").product(), "");
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
