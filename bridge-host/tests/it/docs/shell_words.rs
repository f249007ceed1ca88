//! The simple commands of a line of shell, as words: enough for the lines that
//! documentation shows. Expansions stay as they are written.

/// Splits a line at `|`, `&`, `;` and newlines; without comments and redirections.
pub fn commands(line: &str) -> Vec<Vec<String>> {
    let mut splitter = Splitter::default();
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, splitter.quote) {
            (c, Some(quote)) if c == quote => splitter.quote = None,
            ('\\', quote) if quote != Some('\'') => match chars.next() {
                Some('\n') => {}
                escaped => splitter.push(escaped),
            },
            (c, Some(_)) => splitter.push(Some(c)),
            ('\'' | '"', None) => {
                splitter.quote = Some(c);
                splitter.push(None);
            }
            (' ' | '\t', None) => splitter.end_word(),
            ('|' | '&' | ';' | '\n', None) => splitter.end_command(),
            ('#', None) if splitter.word.is_none() => break,
            (c, None) => splitter.push(Some(c)),
        }
    }
    splitter.end_command();
    splitter.commands
}

#[derive(Default)]
struct Splitter {
    commands: Vec<Vec<String>>,
    words: Vec<String>,
    word: Option<String>,
    quote: Option<char>,
}

impl Splitter {
    fn push(&mut self, c: Option<char>) {
        self.word.get_or_insert_default().extend(c);
    }

    fn end_word(&mut self) {
        self.words.extend(self.word.take());
    }

    fn end_command(&mut self) {
        self.end_word();
        let words = std::mem::take(&mut self.words);
        let words = without_redirections(words);
        if !words.is_empty() {
            self.commands.push(words);
        }
    }
}

/// Without `> FILE`, `>FILE`, `2>FILE` and `< FILE`; without variables in front.
fn without_redirections(words: Vec<String>) -> Vec<String> {
    let mut kept = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let bare = word.trim_start_matches(|c: char| c.is_ascii_digit());
        let is_variable = kept.is_empty() && word.contains('=');
        if matches!(bare, ">" | "<" | ">>") {
            words.next();
        } else if !bare.starts_with(['>', '<']) && !is_variable {
            kept.push(word);
        }
    }
    kept
}

#[test]
fn words_are_those_of_the_shell() {
    let split = |line| commands(line);
    assert_eq!(split("a 'b c' \"d\\\"e\" f''"), [["a", "b c", "d\"e", "f"]]);
    assert_eq!(split("X=1 a b > out &   # why"), [["a", "b"]]);
    assert_eq!(
        split("a | b -c && d"),
        [vec!["a"], vec!["b", "-c"], vec!["d"]]
    );
    assert_eq!(split("a \\\n  b"), [["a", "b"]]);
    assert_eq!(split("a b#c 2>/dev/null"), [["a", "b#c"]]);
    assert!(split("# only a comment").is_empty());
}
