//! Topics as NATS subjects: which topics are legal subjects, and how names become legal.
//! `kit::topics` compares patterns.

use crate::broker::BrokerError;
use crate::broker::kit::topics::without_covered;
use crate::message::{TopicPattern, check_topic};
use crate::schema::Rejection;

/// Why NATS cannot carry a topic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} has white space, which a NATS subject cannot have")]
pub struct SubjectError(String);

impl From<SubjectError> for Rejection {
    fn from(error: SubjectError) -> Self {
        error.to_string().into()
    }
}

/// Checks whether NATS can carry this topic or pattern.
pub fn check_subject(subject: &str) -> Result<(), SubjectError> {
    match subject.chars().any(char::is_whitespace) {
        true => Err(SubjectError(subject.into())),
        false => Ok(()),
    }
}

/// Checks whether a stream or a consumer can have this name.
pub fn check_name(name: &str) -> Result<(), String> {
    let illegal = |c: char| c.is_whitespace() || c.is_control() || ".*>/\\".contains(c);
    match name.chars().find(|c| illegal(*c)) {
        _ if name.is_empty() => Err("a name cannot be empty".into()),
        Some(c) => Err(format!(
            "{name:?} has {c:?}, which the name of a NATS stream or consumer cannot have"
        )),
        None => Ok(()),
    }
}

/// Replaces characters that NATS does not allow in the name of a stream or a consumer.
pub fn legal_name(name: &str) -> String {
    let legal = |c: char| match check_name(c.encode_utf8(&mut [0; 4])) {
        Ok(()) => c,
        Err(_) => '_',
    };
    name.chars().map(legal).collect()
}

/// Checks whether a message can be published on this topic.
pub(super) fn check_publish(topic: &str) -> Result<(), BrokerError> {
    check_topic(topic)?;
    Ok(check_subject(topic)?)
}

/// Converts patterns to subjects, without those that others cover. A server delivers a message once
/// for each matching subject, or refuses overlapping ones.
pub(super) fn subjects(topics: &[TopicPattern]) -> Result<Vec<String>, BrokerError> {
    let mut all: Vec<String> = Vec::new();
    for topic in topics {
        check_subject(topic.as_str())?;
        all.push(topic.as_str().into());
    }
    Ok(without_covered(all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(legal_name("orders.eu v2"), "orders_eu_v2");
        assert!(check_name("a.b").is_err() && check_name("").is_err());
        assert!(check_subject("a b").is_err() && check_subject("a.>").is_ok());
        assert!(matches!(check_publish("a b"), Err(BrokerError::Refused(_))));
    }
}
