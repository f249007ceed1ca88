//! The shape of every file: what it opens with, how long it and its functions
//! are, and the words that nothing finished contains.

use super::Breach;
use super::source::{Source, line_at, lines_naming};

const MOST_LINES: usize = 400;
const MOST_FUNCTION_LINES: usize = 60;

/// Macros that mark something unfinished.
const UNFINISHED: &[&str] = &["todo!", "unimplemented!", "dbg!"];

/// Marks of something unfinished, in comments too. Taken apart, so that this
/// file does not hold them.
const MARKS: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
];

/// Where a path begins that is only true of one machine.
const MACHINE: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/tm", "p/"),
];

/// The breaches of one file.
pub fn check(source: &Source) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (at, text) in source.text.lines().enumerate() {
        if MACHINE.iter().any(|path| text.contains(path)) {
            breaches.push(Breach::new(source, at + 1, "no path of one machine"));
        }
    }
    for mark in MARKS {
        let lines = lines_naming(&source.text, mark);
        breaches.extend(
            lines
                .iter()
                .map(|line| Breach::new(source, *line, "nothing unfinished")),
        );
    }
    if source.is_rust() {
        rust(source, &mut breaches);
    }
    breaches
}

fn rust(source: &Source, breaches: &mut Vec<Breach>) {
    if !source.text.starts_with("//!") {
        let rule = "a file opens with `//!`: what lives here, what stays out";
        breaches.push(Breach::new(source, 1, rule));
    }
    if source.text.lines().count() > MOST_LINES {
        breaches.push(Breach::new(
            source,
            MOST_LINES + 1,
            "no file is longer than 400 lines",
        ));
    }
    for name in UNFINISHED {
        let lines = lines_naming(&source.code, name);
        breaches.extend(
            lines
                .iter()
                .map(|line| Breach::new(source, *line, "nothing unfinished")),
        );
    }
    for line in long_functions(source.product()) {
        breaches.push(Breach::new(
            source,
            line,
            "no function is longer than 60 lines",
        ));
    }
}

/// The lines on which too long functions begin.
fn long_functions(code: &str) -> Vec<usize> {
    lines_naming(code, "fn")
        .into_iter()
        .filter(|line| function_lines(code, *line) > MOST_FUNCTION_LINES)
        .collect()
}

/// How many lines the function takes that begins on this line: none where
/// there is no body.
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
        let breaches = check(&Source::new(path, text));
        breaches
            .iter()
            .map(|breach| (breach.line, breach.rule))
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
        assert_eq!(rules("a.md", &format!("x\n{} later", MARKS[0]))[0].0, 2);
        assert!(rules("a.rs", "//! A.\n/// Not `todo!` at all\nfn a() {}").is_empty());
    }

    #[test]
    fn no_machine_is_named() {
        assert_eq!(rules("a.md", &format!("see {}x", MACHINE[0]))[0].0, 1);
    }
}
