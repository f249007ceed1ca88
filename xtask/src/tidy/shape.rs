//! The shape of every file: its first line, its length and that of its functions,
//! and words that finished code does not contain.

use super::Violation;
use super::source::{Source, line_at, lines_naming};

const MAX_LINES: usize = 400;
const MAX_FUNCTION_LINES: usize = 60;

/// Macros for unfinished code.
const UNFINISHED_MACROS: &[&str] = &["todo!", "unimplemented!", "dbg!"];

/// Marks of unfinished work, also in comments. Split, so that this file does not
/// contain them.
const UNFINISHED_MARKS: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
];

/// The beginnings of paths that are valid on one machine only.
const MACHINE_PATHS: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/tm", "p/"),
];

/// Returns the violations in one file.
pub fn check(source: &Source) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (at, text) in source.text.lines().enumerate() {
        if MACHINE_PATHS.iter().any(|path| text.contains(path)) {
            violations.push(Violation::new(source, at + 1, "no path of one machine"));
        }
    }
    for mark in UNFINISHED_MARKS {
        let lines = lines_naming(&source.text, mark);
        violations.extend(
            lines
                .iter()
                .map(|line| Violation::new(source, *line, "nothing unfinished")),
        );
    }
    if source.is_rust() {
        rust(source, &mut violations);
    }
    violations
}

fn rust(source: &Source, violations: &mut Vec<Violation>) {
    if !source.text.starts_with("//!") {
        let rule = "a file opens with `//!`: what lives here, what stays out";
        violations.push(Violation::new(source, 1, rule));
    }
    if source.text.lines().count() > MAX_LINES {
        violations.push(Violation::new(
            source,
            MAX_LINES + 1,
            "no file is longer than 400 lines",
        ));
    }
    for name in UNFINISHED_MACROS {
        let lines = lines_naming(&source.code, name);
        violations.extend(
            lines
                .iter()
                .map(|line| Violation::new(source, *line, "nothing unfinished")),
        );
    }
    for line in long_functions(source.without_tests()) {
        violations.push(Violation::new(
            source,
            line,
            "no function is longer than 60 lines",
        ));
    }
}

/// Returns the lines on which functions begin that are too long.
fn long_functions(code: &str) -> Vec<usize> {
    lines_naming(code, "fn")
        .into_iter()
        .filter(|line| function_lines(code, *line) > MAX_FUNCTION_LINES)
        .collect()
}

/// Returns the length of the function that begins on this line; zero if it has no
/// body.
fn function_lines(code: &str, line: usize) -> usize {
    let start: usize = code
        .split_inclusive('\n')
        .take(line - 1)
        .map(str::len)
        .sum();
    let mut depth = 0;
    for (at, c) in code[start..].char_indices() {
        match c {
            ';' if depth == 0 => return 0,
            '{' => depth += 1,
            '}' if depth <= 1 => return line_at(&code[start..], at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<(usize, &'static str)> {
        let violations = check(&Source::new(path, text));
        violations
            .iter()
            .map(|violation| (violation.line, violation.rule))
            .collect()
    }

    #[test]
    fn a_file_says_what_it_is() {
        assert_eq!(rules("a.rs", "fn a() {}").len(), 1);
        assert!(rules("a.rs", "//! A.\nfn a() {}").is_empty());
        assert!(rules("a.toml", "x = 1").is_empty());
    }

    #[test]
    fn files_and_functions_stay_short() {
        let long = format!("//! A.\n{}", "\n".repeat(400));
        assert_eq!(rules("a.rs", &long).len(), 1);
        let body = |lines| format!("//! A.\nfn a();\nfn b() {{\n{}}}\n", "{}\n".repeat(lines));
        assert!(rules("a.rs", &body(58)).is_empty());
        assert_eq!(rules("a.rs", &body(59))[0].0, 3);
    }

    #[test]
    fn nothing_is_left_unfinished() {
        assert_eq!(rules("a.rs", "//! A.\nfn a() { todo!() }")[0].0, 2);
        assert_eq!(
            rules("a.md", &format!("x\n{} later", UNFINISHED_MARKS[0]))[0].0,
            2
        );
        assert!(rules("a.rs", "//! A.\n/// Not `todo!` at all\nfn a() {}").is_empty());
    }

    #[test]
    fn no_machine_is_named() {
        assert_eq!(rules("a.md", &format!("see {}x", MACHINE_PATHS[0]))[0].0, 1);
    }
}
