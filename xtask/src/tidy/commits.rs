//! The subjects of commits: `area: imperative summary`, at most 72 characters.
//! Checked from the first commit that promised it.

use std::path::Path;
use std::process::Command;

use super::Violation;

/// The last commit before the rule.
const BEFORE: &str = "1cf8ec9";
const MOST_CHARACTERS: usize = 72;

/// Commits that were already shared when their subjects were found to be too long.
const SHARED: &[&str] = &["12d2c11", "25f7732", "cc60d9d"];

/// Imperatives that end like other forms of a verb.
const IMPERATIVES: &[&str] = &[
    "bring", "embed", "exceed", "feed", "need", "proceed", "seed", "shed", "speed",
];

/// The violations of all commits since the rule; none without a history that
/// reaches back to it.
pub fn check(root: &Path) -> Vec<Violation> {
    let range = format!("{BEFORE}..HEAD");
    let log = Command::new("git")
        .args(["log", "--no-merges", "--format=%h %s", &range])
        .current_dir(root)
        .output();
    let Ok(log) = log else { return Vec::new() };
    let log = String::from_utf8_lossy(&log.stdout);
    log.lines().filter_map(violation).collect()
}

fn violation(line: &str) -> Option<Violation> {
    let (hash, subject) = line.split_once(' ').unwrap_or((line, ""));
    if SHARED.iter().any(|shared| hash.starts_with(shared)) {
        return None;
    }
    Some(Violation {
        path: format!("commit {hash}"),
        line: 1,
        rule: fault(subject)?,
        found: subject.into(),
    })
}

/// What is wrong with a subject.
fn fault(subject: &str) -> Option<&'static str> {
    let Some((area, summary)) = subject.split_once(": ") else {
        return Some(
            "a commit's subject begins with its area, as in `delivery: cap the retry age`",
        );
    };
    let is_area = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || " ,/_-.".contains(c);
    let verb = summary.split(' ').next().unwrap_or_default();
    let is_other_form = ["ed", "ing"].iter().any(|end| verb.ends_with(end));
    if area.is_empty() || !area.chars().all(is_area) {
        Some("the area of a commit is a name in lower case, or several with commas")
    } else if !verb.starts_with(|c: char| c.is_ascii_lowercase()) {
        Some("the summary of a commit begins with a verb in lower case")
    } else if is_other_form && !IMPERATIVES.contains(&verb) {
        Some("the summary of a commit is imperative: `cap`, not `capped` or `capping`")
    } else if summary.ends_with('.') {
        Some("the subject of a commit ends without a full stop")
    } else if subject.chars().count() > MOST_CHARACTERS {
        Some("the subject of a commit has at most 72 characters")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_an_area_and_an_imperative() {
        for sound in [
            "delivery: cap retry age at 3 days",
            "schema, cli: say what it is",
            "http: bring it back",
        ] {
            assert_eq!(fault(sound), None, "{sound}");
        }
        let long = format!("delivery: cap {}", "x".repeat(60));
        for wrong in [
            "Read again",
            "Delivery: cap the age",
            ": cap the age",
            "delivery: Cap the age",
            "delivery: capped the age",
            "delivery: capping the age",
            "delivery: cap the age.",
            &long,
        ] {
            assert!(fault(wrong).is_some(), "{wrong}");
        }
    }

    #[test]
    fn without_a_history_nothing_is_checked() {
        assert!(check(&std::env::temp_dir()).is_empty());
        let found = violation("abc wip").map(|it| (it.path, it.found));
        assert_eq!(found, Some(("commit abc".into(), "wip".into())));
    }
}
