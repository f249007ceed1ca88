//! Topics as NATS has them: which are legal there, which stream's subjects
//! cover which, and names made of other names.

use crate::broker::BrokerError;
use crate::message::{TopicPattern, check_topic};
use crate::schema::Rejection;

/// Why NATS cannot carry a topic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} has white space, which no NATS subject can have")]
pub struct SubjectError(String);

impl From<SubjectError> for Rejection {
    fn from(error: SubjectError) -> Self {
        error.to_string().into()
    }
}

/// Whether NATS can carry this topic, or pattern.
pub fn check_subject(subject: &str) -> Result<(), SubjectError> {
    match subject.chars().any(char::is_whitespace) {
        true => Err(SubjectError(subject.into())),
        false => Ok(()),
    }
}

/// Whether NATS takes this as the name of a stream or a consumer.
pub fn check_name(name: &str) -> Result<(), String> {
    let illegal = |c: char| c.is_whitespace() || c.is_control() || ".*>/\\".contains(c);
    match name.chars().find(|c| illegal(*c)) {
        _ if name.is_empty() => Err("a name cannot be empty".into()),
        Some(c) => Err(format!(
            "{name:?} has {c:?}, which no NATS stream or consumer has in its name"
        )),
        None => Ok(()),
    }
}

/// A name of ours as one that NATS takes.
pub fn legal_name(name: &str) -> String {
    let legal = |c: char| match check_name(c.encode_utf8(&mut [0; 4])) {
        Ok(()) => c,
        Err(_) => '_',
    };
    name.chars().map(legal).collect()
}

/// Whether a message can be published on this topic.
pub(super) fn check_publish(topic: &str) -> Result<(), BrokerError> {
    check_topic(topic)?;
    Ok(check_subject(topic)?)
}

/// The patterns as subjects, without those that others among them cover: a
/// server delivers a message once for each that it matches, or refuses them.
pub(super) fn subjects(topics: &[TopicPattern]) -> Result<Vec<String>, BrokerError> {
    let mut all: Vec<String> = Vec::new();
    for topic in topics {
        check_subject(topic.as_str())?;
        all.push(topic.as_str().into());
    }
    Ok(widest(all))
}

/// Leaves out what others cover.
pub(super) fn widest(subjects: Vec<String>) -> Vec<String> {
    let mut widest: Vec<String> = Vec::new();
    for subject in subjects {
        if !widest.iter().any(|wide| covers(wide, &subject)) {
            widest.retain(|narrow| !covers(&subject, narrow));
            widest.push(subject);
        }
    }
    widest
}

/// One subject that covers all of these: for servers whose consumers have one.
pub(super) fn cover(subjects: &[String]) -> String {
    let Some((first, rest)) = subjects.split_first() else {
        return ">".into();
    };
    if rest.is_empty() {
        return first.clone();
    }
    // One that ends where others go on is not below the words they share.
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

/// Whether every topic that `narrow` selects is one that `wide` selects.
pub(super) fn covers(wide: &str, narrow: &str) -> bool {
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
    fn the_widest_remain() {
        let of = |all: &[&str]| widest(all.iter().map(|s| s.to_string()).collect());
        assert_eq!(of(&["a.b", "a.>", "c", "a.*", "c"]), ["a.>", "c"]);
    }

    #[test]
    fn one_for_all() {
        let of = |all: &[&str]| cover(&all.iter().map(|s| s.to_string()).collect::<Vec<_>>());
        assert_eq!(of(&["a.b.c", "a.b.d"]), "a.b.>");
        assert_eq!(of(&["a.*.c", "a.b.c"]), "a.>");
        assert_eq!(of(&["a.b"]), "a.b");
        assert_eq!(of(&["a.b", "a.b.c"]), "a.>");
        assert_eq!(of(&["a", "b.c"]), ">");
    }

    #[test]
    fn names() {
        assert_eq!(legal_name("orders.eu v2"), "orders_eu_v2");
        assert!(check_name("a.b").is_err() && check_name("").is_err());
        assert!(check_subject("a b").is_err() && check_subject("a.>").is_ok());
        assert!(matches!(check_publish("a b"), Err(BrokerError::Refused(_))));
    }
}
