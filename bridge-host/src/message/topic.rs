//! Topics and the patterns that select them, alike on every broker: words
//! between dots, `*` for one word, `>` for one word or more at the end.

use std::fmt;

/// The longest topic or pattern, in bytes.
const MAX_LEN: usize = 1024;

/// Why a message cannot be sent on a topic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// The topic is empty.
    #[error("a topic cannot be empty")]
    Empty,
    /// The topic is too long; its length, in bytes.
    #[error("a topic has at most {MAX_LEN} bytes, this one has {0}")]
    TooLong(usize),
    /// Two dots in a row, or a dot at the beginning or the end.
    #[error("topic {0:?} has an empty word: write a word between its dots")]
    EmptyWord(String),
    /// A control character, such as a newline or NUL.
    #[error("topic {0:?} has a control character")]
    Control(String),
    /// `*` or `>` instead of a word.
    #[error("topic {0:?} has a wildcard: messages are published on one topic, not on a pattern")]
    Wildcard(String),
}

/// Why a string is not a [`TopicPattern`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// An error that a topic can have, too.
    #[error(transparent)]
    Topic(#[from] TopicError),
    /// `>` before the last word.
    #[error("pattern {0:?} has `>` before its end: `>` stands for all remaining words")]
    RestNotLast(String),
    /// A wildcard of another broker.
    #[error(
        "pattern {pattern:?} has `{word}`, which is not a wildcard of topics: write {instead:?}"
    )]
    Foreign {
        /// The pattern as written.
        pattern: String,
        /// The wildcard.
        word: String,
        /// The same pattern with the wildcards of this crate.
        instead: String,
    },
    /// A wildcard that is a part of a word.
    #[error(
        "pattern {pattern:?} has `{word}`: a wildcard is a whole word, `*` for one word, or `>` at the end for all remaining words"
    )]
    Partial {
        /// The pattern as written.
        pattern: String,
        /// The word with the wildcard.
        word: String,
    },
}

/// Checks whether a message may be published on this topic: 1 to 1024 bytes; words
/// between dots, of which none is empty or a wildcard; no control characters. Slashes,
/// spaces and letters of any script are allowed.
///
/// ```
/// use bridge_host::message::check_topic;
///
/// assert!(check_topic("orders.new").is_ok());
/// assert!(check_topic("orders.*").is_err());
/// ```
pub fn check_topic(topic: &str) -> Result<(), TopicError> {
    check_words(topic)?;
    match topic.split('.').any(|word| word == "*" || word == ">") {
        true => Err(TopicError::Wildcard(topic.into())),
        false => Ok(()),
    }
}

fn check_words(text: &str) -> Result<(), TopicError> {
    match text {
        "" => Err(TopicError::Empty),
        _ if text.len() > MAX_LEN => Err(TopicError::TooLong(text.len())),
        _ if text.chars().any(char::is_control) => Err(TopicError::Control(text.into())),
        _ if text.split('.').any(str::is_empty) => Err(TopicError::EmptyWord(text.into())),
        _ => Ok(()),
    }
}

/// Refuses a word that looks like a wildcard but would match only itself.
fn check_word(pattern: &str, word: &str) -> Result<(), PatternError> {
    let meant = match word {
        "*" | ">" => return Ok(()),
        "#" | "**" => ">",
        "+" => "*",
        _ if word.contains(['*', '>']) => {
            return Err(PatternError::Partial {
                pattern: pattern.into(),
                word: word.into(),
            });
        }
        _ => return Ok(()),
    };
    let words = pattern.split('.');
    let words: Vec<_> = words
        .map(|it| if it == word { meant } else { it })
        .collect();
    Err(PatternError::Foreign {
        pattern: pattern.into(),
        word: word.into(),
        instead: words.join("."),
    })
}

/// A pattern of topics: `orders.*` matches `orders.new`, and `orders.>` matches
/// `orders.new.eu`, too.
///
/// ```
/// use bridge_host::message::TopicPattern;
///
/// let pattern = TopicPattern::parse("orders.>")?;
/// assert!(pattern.matches("orders.new.eu"));
/// assert!(!pattern.matches("orders"));
/// # Ok::<(), bridge_host::message::PatternError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TopicPattern(String);

impl TopicPattern {
    /// Parses a pattern. A topic is a pattern that matches itself.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        check_words(text)?;
        text.split('.')
            .try_for_each(|word| check_word(text, word))?;
        let mut words = text.split('.').rev();
        words.next();
        match words.any(|word| word == ">") {
            true => Err(PatternError::RestNotLast(text.into())),
            false => Ok(Self(text.into())),
        }
    }

    /// Returns whether the pattern matches the topic.
    pub fn matches(&self, topic: &str) -> bool {
        let mut words = topic.split('.');
        for expected in self.0.split('.') {
            match (expected, words.next()) {
                (">", Some(_)) => return true,
                ("*", Some(_)) => {}
                (expected, Some(word)) if expected == word => {}
                _ => return false,
            }
        }
        words.next().is_none()
    }

    /// Returns the pattern as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TopicPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_of_other_brokers_are_refused() {
        let fault = |text: &str| TopicPattern::parse(text).unwrap_err().to_string();
        for (pattern, says) in [
            ("orders.#", "write \"orders.>\""),
            ("orders.**", "write \"orders.>\""),
            ("orders.+.eu", "write \"orders.*.eu\""),
            ("order*", "a wildcard is a whole word"),
            ("a.*b", "a wildcard is a whole word"),
            ("a.b>", "a wildcard is a whole word"),
        ] {
            assert!(fault(pattern).contains(says), "{}", fault(pattern));
        }
        for pattern in ["c#.new", "a+b", "#1"] {
            assert!(TopicPattern::parse(pattern).is_ok(), "{pattern}");
        }
    }

    #[track_caller]
    fn check(pattern: &str, topic: &str, expected: bool) {
        let pattern = TopicPattern::parse(pattern).unwrap();
        assert_eq!(pattern.matches(topic), expected, "{pattern} on {topic}");
    }

    #[test]
    fn wildcards() {
        check("orders.new", "orders.new", true);
        check("orders.new", "orders.new.eu", false);
        check("orders.*", "orders.new", true);
        check("orders.*", "orders", false);
        check("orders.*", "orders.new.eu", false);
        check("*.new", "orders.new", true);
        check("orders.>", "orders.new.eu", true);
        check("orders.>", "orders", false);
        check(">", "anything at/all", true);
    }

    #[test]
    fn faults() {
        assert_eq!(check_topic(""), Err(TopicError::Empty));
        assert_eq!(
            check_topic("a..b"),
            Err(TopicError::EmptyWord("a..b".into()))
        );
        assert_eq!(check_topic("a\n"), Err(TopicError::Control("a\n".into())));
        assert_eq!(check_topic("a.*"), Err(TopicError::Wildcard("a.*".into())));
        assert_eq!(check_topic("a/b c.ü"), Ok(()));
        assert!(TopicPattern::parse("a.>.b").is_err());
    }
}
