//! Checks the name of a new project, which must be valid as a folder, a package of each
//! language and a file. Writing the project stays out.

const LONGEST: usize = 64;

/// The placeholders for the name in the templates: the name itself, and the name of Rust's
/// output file.
const PLACEHOLDERS: [&str; 2] = ["project-name", "project_name"];

/// Names of Rust's crates and keywords.
const TAKEN: &[&str] = &[
    "alloc", "async", "await", "break", "const", "continue", "core", "crate", "dyn", "else",
    "enum", "extern", "false", "fn", "for", "if", "impl", "in", "let", "loop", "match", "mod",
    "move", "mut", "pub", "ref", "return", "self", "static", "std", "struct", "super", "test",
    "trait", "true", "type", "unsafe", "use", "where", "while",
];

/// Why a name is not valid.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found:?} is not a valid name for a project: {why}; {}",
    suggestion(try_)
)]
pub(super) struct NameError {
    found: String,
    why: &'static str,
    try_: Option<String>,
}

fn suggestion(try_: &Option<String>) -> String {
    match try_ {
        Some(name) => format!("try {name:?}"),
        None => "try \"my-handler\"".into(),
    }
}

/// A valid name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Name(String);

impl Name {
    /// Parses a name of lower-case letters, digits and single hyphens between them.
    pub fn new(name: &str) -> Result<Self, NameError> {
        let Some(why) = wrong(name) else {
            return Ok(Self(name.into()));
        };
        let try_ = Some(similar(name)).filter(|it| wrong(it).is_none());
        Err(NameError {
            found: name.into(),
            why,
            try_,
        })
    }

    /// Returns the name as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Replaces the placeholders in a template's text.
    pub fn fill(&self, text: &str) -> String {
        let [name, file] = PLACEHOLDERS;
        text.replace(name, &self.0)
            .replace(file, &self.0.replace('-', "_"))
    }
}

fn wrong(name: &str) -> Option<&'static str> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() {
        return Some("it is empty");
    }
    if !name.chars().all(allowed) {
        return Some("use only lower-case letters, digits and hyphens");
    }
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Some("it must begin with a lower-case letter");
    }
    if name.ends_with('-') || name.contains("--") {
        return Some("a hyphen must be between two letters or digits");
    }
    if name.len() > LONGEST {
        return Some("it has more than 64 characters");
    }
    (TAKEN.contains(&name)).then_some("it is a keyword or a crate of Rust")
}

/// Returns the most similar name, which may still be invalid.
fn similar(name: &str) -> String {
    let lower = name.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    let joined = words.join("-");
    match TAKEN.contains(&&*joined) {
        true => format!("my-{joined}"),
        false => joined,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_names_are_accepted() {
        for name in ["a", "orders", "orders-2", &"a".repeat(LONGEST)] {
            assert!(Name::new(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn errors_say_what_is_wrong_and_suggest_a_name() {
        for (name, why, try_) in [
            ("", "empty", "my-handler"),
            ("My Orders", "lower-case letters, digits", "my-orders"),
            ("../orders", "lower-case letters, digits", "orders"),
            ("2nd", "must begin with", "my-handler"),
            ("orders-", "between", "orders"),
            ("a--b", "between", "a-b"),
            ("core", "Rust", "my-core"),
            ("Übung", "lower-case letters, digits", "bung"),
            (&"a".repeat(LONGEST + 1), "64 characters", "my-handler"),
        ] {
            let error = Name::new(name).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
            assert!(error.ends_with(&format!("try {try_:?}")), "{error}");
        }
    }

    #[test]
    fn the_name_is_put_where_it_belongs() {
        let name = Name::new("my-orders").unwrap();
        let text = "cp project_name.wasm project-name.wasm";
        assert_eq!(name.fill(text), "cp my_orders.wasm my-orders.wasm");
    }
}
