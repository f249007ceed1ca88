//! The modules that the host's files use: the paths in a file's code, from the
//! root of the crate. `floors` and `cycles` check the paths.

use super::source::{Source, line_at};

/// A path of the crate that a file's code uses.
pub struct Use {
    /// The line of the use, from 1.
    pub line: usize,
    /// The path from the root: `["guest", "call", "outcome", "Call"]`.
    pub path: Vec<String>,
    /// Whether the path is in a `pub use`, of any visibility.
    pub is_reexport: bool,
}

/// Returns the module of a file: `["guest", "call"]` for `guest/call.rs`, and
/// nothing for `lib.rs`, `main.rs` and files outside of the host.
pub fn module(source: &Source) -> Vec<String> {
    let inside = source.in_host().unwrap_or_default();
    let inside = inside.strip_suffix(".rs").unwrap_or(inside);
    match inside {
        "" | "lib" | "main" => Vec::new(),
        _ => inside.split('/').map(String::from).collect(),
    }
}

/// Returns the paths that begin with `crate`, `self`, `super` or a module that
/// this file declares, in its code without unit tests.
pub fn uses(source: &Source) -> Vec<Use> {
    uses_in(source.without_tests(), &module(source))
}

/// Returns the paths in this code of this module, as [`uses`] does.
pub fn uses_in(code: &str, module: &[String]) -> Vec<Use> {
    let inline = inline_modules(code);
    let children = children(code);
    let mut uses = Vec::new();
    for (at, word) in words(code) {
        let is_start = matches!(word, "crate" | "self" | "super") || children.contains(&word);
        if !is_start || !begins_path(code, at, word) {
            continue;
        }
        let inside = inline
            .iter()
            .filter(|(from, to)| (*from..*to).contains(&at));
        let depth = inside.count();
        let is_reexport = follows_pub_use(&code[..at]);
        for (at, path) in tree(code, at).1 {
            uses.push(Use {
                line: line_at(code, at),
                path: absolute(module, depth, path),
                is_reexport,
            });
        }
    }
    uses
}

fn absolute(module: &[String], depth: usize, path: Vec<String>) -> Vec<String> {
    let ups = path.iter().take_while(|part| *part == "super").count();
    let rest = match path.first().map(String::as_str) {
        Some("crate" | "self") => &path[1..],
        _ => &path[ups..],
    };
    let base = match path.first().map(String::as_str) {
        Some("crate") => &[],
        // Paths within the file stay in the file.
        _ => &module[..module.len().saturating_sub(ups.saturating_sub(depth))],
    };
    base.iter().chain(rest).cloned().collect()
}

/// Returns the modules that a file declares in other files.
fn children(code: &str) -> Vec<&str> {
    let declared = words(code).filter(|(_, word)| *word == "mod");
    declared
        .filter_map(|(at, word)| {
            let rest = code[at + word.len()..].trim_start();
            let name = first_word(rest);
            rest[name.len()..]
                .trim_start()
                .starts_with(';')
                .then_some(name)
        })
        .collect()
}

/// Returns the modules that a file declares only for its unit tests.
pub fn test_children(code: &str) -> Vec<&str> {
    let declared = words(code).filter(|(_, word)| *word == "mod");
    declared
        .filter_map(|(at, word)| {
            let attribute = code[..at].trim_end().strip_suffix(")]")?;
            let attribute = &attribute[attribute.rfind("#[")?..];
            let name = first_word(code[at + word.len()..].trim_start());
            let is_of_tests = words(attribute).any(|(_, word)| word == "test");
            is_of_tests.then_some(name)
        })
        .collect()
}

/// Returns where the modules within the file begin and end.
fn inline_modules(code: &str) -> Vec<(usize, usize)> {
    let declared = words(code).filter(|(_, word)| *word == "mod");
    declared
        .filter_map(|(at, word)| {
            let rest = code[at + word.len()..].trim_start();
            let after = rest[first_word(rest).len()..].trim_start();
            after.starts_with('{').then(|| {
                let from = code.len() - after.len();
                (from, block_end(code, from))
            })
        })
        .collect()
}

/// Returns the end of the block that begins at `from`.
fn block_end(code: &str, from: usize) -> usize {
    let mut depth = 0;
    for (offset, c) in code[from..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return from + offset,
            '}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// Returns whether a word begins a path with more than one part, outside of a
/// visibility such as `pub(in crate::guest)`.
fn begins_path(code: &str, at: usize, word: &str) -> bool {
    let (before, after) = (code[..at].trim_end(), &code[at + word.len()..]);
    let is_within = before.ends_with("::") || before.ends_with("(in");
    !is_within && after.trim_start().starts_with("::")
}

fn follows_pub_use(before: &str) -> bool {
    let Some(before) = before.trim_end().strip_suffix("use") else {
        return false;
    };
    let statement = before
        .rsplit([';', '{', '}'])
        .next()
        .unwrap_or_default()
        .trim();
    statement
        .rsplit(']')
        .next()
        .unwrap_or_default()
        .trim()
        .starts_with("pub")
}

/// Returns where a `use` tree ends, and its paths with their positions.
fn tree(code: &str, at: usize) -> (usize, Vec<(usize, Vec<String>)>) {
    let at = at + (code[at..].len() - code[at..].trim_start().len());
    if code[at..].starts_with('{') {
        return list(code, at);
    }
    let name = first_word(&code[at..]);
    let end = at + name.len();
    let after = code[end..].trim_start();
    if !name.is_empty()
        && let Some(rest) = after.strip_prefix("::")
    {
        let (end, paths) = tree(code, code.len() - rest.len());
        let paths = paths.into_iter().map(|(place, mut path)| {
            path.insert(0, name.into());
            (place, path)
        });
        return (end, paths.collect());
    }
    // `self` stands for the head of the list, as does `*`, which is not a name.
    let path = match name {
        "" | "self" => Vec::new(),
        _ => vec![name.into()],
    };
    (end, vec![(at, path)])
}

fn list(code: &str, at: usize) -> (usize, Vec<(usize, Vec<String>)>) {
    let end = block_end(code, at);
    let (mut from, mut paths) = (at + 1, Vec::new());
    while from < end {
        let (reached, more) = tree(code, from);
        let is_empty = code[from..end].trim().is_empty();
        paths.extend(more.into_iter().filter(|_| !is_empty));
        let comma = code[reached..end].find(',');
        from = comma.map_or(end, |comma| reached + comma + 1);
    }
    (end + 1, paths)
}

/// Returns the words of a text with their positions.
fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        at += code[at..].find(is_of_word)?;
        let word = first_word(&code[at..]);
        let place = at;
        at += word.len();
        Some((place, word))
    })
}

fn first_word(text: &str) -> &str {
    let end = text.find(|c| !is_of_word(c)).unwrap_or(text.len());
    &text[..end]
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(code: &str) -> Vec<String> {
        let uses = uses(&Source::new("bridge-host/src/guest/call/outcome.rs", code));
        uses.iter().map(|it| it.path.join("::")).collect()
    }

    #[test]
    fn a_path_is_counted_from_the_root() {
        assert_eq!(paths("use crate::http::Secret;"), ["http::Secret"]);
        assert_eq!(
            paths("use super::reply::Wanted;"),
            ["guest::call::reply::Wanted"]
        );
        assert_eq!(paths("fn a(b: super::super::Limits) {}"), ["guest::Limits"]);
        assert_eq!(paths("x(self::B); y(self.b)"), ["guest::call::outcome::B"]);
        assert_eq!(paths("impl $crate::guest::A for B {}"), ["guest::A"]);
        assert!(paths("use std::mem; fn superb() {} a::crate_b::c()").is_empty());
        assert!(paths("pub(in crate::guest) fn a() {}").is_empty());
    }

    #[test]
    fn lists_are_read_to_their_depth() {
        let found = paths("use crate::{\n    message::{self, Message as M},\n    http::*,\n};");
        assert_eq!(found, ["message", "message::Message", "http"]);
    }

    #[test]
    fn modules_within_a_file_are_the_file() {
        let found = paths("mod a { x!({ \"b\": super::B, c: super::super::C }); }\nuse super::D;");
        let expected = [
            "guest::call::outcome::B",
            "guest::call::C",
            "guest::call::D",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn modules_that_a_file_declares_are_paths_too() {
        let found = paths("mod a;\npub(crate) mod b;\npub use a::A;\nfn c() { b::d(); e::f() }");
        assert_eq!(
            found,
            ["guest::call::outcome::a::A", "guest::call::outcome::b::d"]
        );
    }

    #[test]
    fn modules_of_unit_tests_are_told_apart() {
        let code = "#[cfg(unix)]\nmod a;\n#[cfg(all(test, unix))]\nmod b;\nmod c;";
        assert_eq!(test_children(code), ["b"]);
    }

    #[test]
    fn what_is_passed_on_is_told_apart() {
        let code = "use super::a::A;\n#[cfg(x)]\npub(crate) use super::b::B;\npub use self::c::C;";
        let uses = uses_in(code, &[]);
        let passed: Vec<_> = uses.iter().map(|it| (it.line, it.is_reexport)).collect();
        assert_eq!(passed, [(1, false), (3, true), (4, true)]);
    }
}
