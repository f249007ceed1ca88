//! Riddles in prose: phrases that make a reader ask "who?" or "which?". They are
//! searched for in Markdown outside code, and in the comments of Rust.

use super::Violation;
use super::source::Source;

/// A phrase, and the advice instead of it, as it is printed.
const RIDDLES: &[(&str, &str)] = &[
    (
        "whoever",
        "\"whoever\": say who, such as the publisher or the component",
    ),
    ("nobody", "\"nobody\": say which party does not"),
    ("so many", "\"so many\": give the number, or its name"),
    ("those of", "\"those of\": repeat the noun"),
    ("what is there", "\"what is there\": name it"),
    ("of its own", "\"of its own\": say \"its own …\""),
    ("of their own", "\"of their own\": say \"their own …\""),
    ("as it comes", "\"as it comes\": say in which form"),
    (
        "for good",
        "\"for good\": say \"permanently\", or what ends it",
    ),
    (
        "in its place",
        "\"in its place\": say \"instead\", and of what",
    ),
    (
        "in their place",
        "\"in their place\": say \"instead\", and of what",
    ),
    ("at all", "\"at all\": leave it out"),
    (
        "without more ado",
        "\"without more ado\": say \"by default\"",
    ),
];

/// After `its own`, these begin something else than the noun that is owned.
const NO_NOUNS: &[&str] = &[
    END, "and", "as", "at", "because", "but", "by", "for", "from", "in", "is", "on", "or", "so",
    "than", "that", "to", "which", "with",
];

/// A word, and the line that it is on; a mark that ends a clause is [`END`].
type Word = (usize, String);

const END: &str = ".";

/// The violations of one file.
pub fn check(source: &Source) -> Vec<Violation> {
    let mut violations = Vec::new();
    for paragraph in paragraphs(source) {
        for (riddle, rule) in RIDDLES {
            let lines = lines_with(&paragraph, riddle);
            violations.extend(
                lines
                    .into_iter()
                    .map(|line| Violation::new(source, line, rule)),
            );
        }
    }
    violations
}

/// The lines on which the phrase begins; it may go on in the next line.
fn lines_with(paragraph: &[Word], phrase: &str) -> Vec<usize> {
    let phrase: Vec<_> = phrase.split(' ').collect();
    let is_here = |at: usize| {
        let mut words = paragraph[at..].iter().map(|(_, word)| word.as_str());
        let is_phrase = words.clone().take(phrase.len()).eq(phrase.iter().copied());
        let next = words.nth(phrase.len()).unwrap_or(END);
        is_phrase && (!phrase.ends_with(&["own"]) || NO_NOUNS.contains(&next))
    };
    let found = (0..paragraph.len()).filter(|at| is_here(*at));
    found.map(|at| paragraph[at].0).collect()
}

/// The words of each run of lines with prose.
fn paragraphs(source: &Source) -> Vec<Vec<Word>> {
    let lines = if source.is_rust() {
        comments(&source.comments)
    } else if source.path.ends_with(".md") {
        markdown(&source.text)
    } else {
        return Vec::new();
    };
    let numbered: Vec<_> = lines.into_iter().enumerate().collect();
    let runs = numbered.split(|(_, line)| line.is_none());
    runs.map(words).collect()
}

fn words(lines: &[(usize, Option<String>)]) -> Vec<Word> {
    let mut words = Vec::new();
    let mut is_code = false;
    for (at, line) in lines {
        // Code between double backticks may have single ones in it.
        let line = line.as_deref().unwrap_or_default();
        let line: String = line.split("``").step_by(2).collect();
        for part in line.split_inclusive('`') {
            let text = if is_code {
                ""
            } else {
                part.trim_end_matches('`')
            };
            let each = text.split(|c: char| !c.is_alphanumeric());
            let each = each.filter(|word| !word.is_empty());
            words.extend(each.map(|word| (at + 1, word.to_lowercase())));
            if part.ends_with('`') {
                is_code = !is_code;
            }
        }
    }
    words
}

/// The lines of a page that are prose: neither empty nor code.
fn markdown(text: &str) -> Vec<Option<String>> {
    let mut is_code = false;
    let line = |line: &str| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        let is_prose =
            !is_fence && !is_code && !line.trim().is_empty() && !line.starts_with("    ");
        is_prose.then(|| line.to_owned())
    };
    text.lines().map(line).collect()
}

/// The lines of a file that have comments, without their marks. The code of
/// examples is left out.
fn comments(text: &str) -> Vec<Option<String>> {
    let mut is_code = false;
    let line = |line: &str| {
        let line = line.trim();
        let inside = line.trim_start_matches(['/', '!', '*']).trim();
        let is_fence = inside.starts_with("```");
        is_code = (is_code ^ is_fence) && !line.is_empty();
        (!inside.is_empty() && !is_fence && !is_code).then(|| inside.to_owned())
    };
    text.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        let violations = check(&Source::new(path, text));
        let mut lines: Vec<_> = violations.iter().map(|violation| violation.line).collect();
        lines.sort_unstable();
        lines
    }

    #[test]
    fn a_riddle_is_found_across_lines() {
        assert_eq!(lines("a.md", "x\n\nIt goes to Whoever asks.\n"), [3]);
        assert_eq!(lines("a.md", "It is not\nchanged at\nall.\n"), [2]);
        assert!(lines("a.md", "changed at\n\nall\n").is_empty());
        assert!(lines("a.md", "Nobody's fault; so-many\n").len() == 2);
        assert_eq!(lines("a.md", "a thread of its\nown, for\n"), [1]);
        assert_eq!(lines("a.md", "in a folder of its own as well\n"), [1]);
        assert!(lines("a.md", "the messages of its own\nsubscription\n").is_empty());
    }

    #[test]
    fn code_is_no_prose() {
        let text =
            "a `whoever` b ``nobody `x` nobody``\n```\nnobody\n```\n    so many\n`x\nnobody` y\n";
        assert!(lines("a.md", text).is_empty());
        assert!(lines("a.rs", "let nobody = \"whoever\"; let whoever;").is_empty());
        assert!(lines("a.rs", "/// ```\n/// // whoever\n/// ```\nfn a() {}").is_empty());
        assert!(lines("a.toml", "# whoever").is_empty());
    }

    #[test]
    fn comments_of_every_kind_are_prose() {
        let text = "//! For whoever.\nfn a() {} // nobody\n/// Not at\n/// all.\n/* so many */";
        assert_eq!(lines("a.rs", text), [1, 2, 3, 5]);
    }
}
