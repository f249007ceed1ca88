//! Compares topic patterns: which pattern selects every topic that another one selects.
//! `message::TopicPattern` matches topics; each broker decides which topics its server accepts.

/// Removes the patterns that other patterns in the list cover.
pub fn without_covered(subjects: Vec<String>) -> Vec<String> {
    let mut without_covered: Vec<String> = Vec::new();
    for subject in subjects {
        if !without_covered.iter().any(|wide| covers(wide, &subject)) {
            without_covered.retain(|narrow| !covers(&subject, narrow));
            without_covered.push(subject);
        }
    }
    without_covered
}

/// Returns one pattern that covers all of these.
pub fn common_pattern(subjects: &[String]) -> String {
    let Some((first, rest)) = subjects.split_first() else {
        return ">".into();
    };
    if rest.is_empty() {
        return first.clone();
    }
    // A pattern that ends where others go on is not below their common words.
    let shortest = subjects.iter().map(|one| one.split('.').count()).min();
    let most = shortest.unwrap_or(1) - 1;
    let mut common = Vec::new();
    for (n, word) in first.split('.').enumerate().take(most) {
        let same = |other: &String| other.split('.').nth(n) == Some(word);
        if word == ">" || word == "*" || !rest.iter().all(same) {
            break;
        }
        common.push(word);
    }
    common.push(">");
    common.join(".")
}

/// Returns whether `wide` selects every topic that `narrow` selects.
///
/// ```
/// use bridge_host::broker::kit::topics::covers;
///
/// assert!(covers("orders.>", "orders.*.new"));
/// assert!(!covers("orders.*", "orders.>"));
/// ```
pub fn covers(wide: &str, narrow: &str) -> bool {
    let mut narrow = narrow.split('.');
    for word in wide.split('.') {
        match (word, narrow.next()) {
            (">", Some(_)) => return true,
            ("*", Some(other)) if other != ">" => {}
            (word, Some(other)) if word == other => {}
            _ => return false,
        }
    }
    narrow.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coverage() {
        for (wide, narrow, expected) in [
            (">", "a.b", true),
            ("a.>", "a.*", true),
            ("a.>", "a", false),
            ("a.*", "a.b", true),
            ("a.*", "a.>", false),
            ("a.*", "a.b.c", false),
            ("a.b", "a.*", false),
            ("a.b", "a.b", true),
        ] {
            assert_eq!(covers(wide, narrow), expected, "{wide} {narrow}");
        }
    }

    #[test]
    fn covered_patterns_are_removed() {
        let of = |all: &[&str]| without_covered(all.iter().map(|s| s.to_string()).collect());
        assert_eq!(of(&["a.b", "a.>", "c", "a.*", "c"]), ["a.>", "c"]);
    }

    #[test]
    fn one_pattern_covers_all() {
        let of =
            |all: &[&str]| common_pattern(&all.iter().map(|s| s.to_string()).collect::<Vec<_>>());
        assert_eq!(of(&["a.b.c", "a.b.d"]), "a.b.>");
        assert_eq!(of(&["a.*.c", "a.b.c"]), "a.>");
        assert_eq!(of(&["a.b"]), "a.b");
        assert_eq!(of(&["a.b", "a.b.c"]), "a.>");
        assert_eq!(of(&["a", "b.c"]), ">");
    }
}
