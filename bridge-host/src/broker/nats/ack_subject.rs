//! Parses the acknowledgement subject of a delivery, in which the server describes the delivery
//! (NATS ADR-15).
//!
//! The client parses it, too, but only for its own message type, which holds a context: copying
//! that costs more than parsing here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const PREFIX: &str = "$JS.ACK.";

/// The delivery that an acknowledgement subject describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AckSubject {
    /// The stream sequence of the message.
    pub(super) sequence: u64,
    /// How often the message was delivered, this delivery included.
    pub(super) delivered: u64,
    /// The consumer sequence of the delivery.
    pub(super) consumer_sequence: u64,
    pub(super) published: SystemTime,
}

impl AckSubject {
    /// Parses a subject. Returns `None` for a subject that is not from JetStream.
    pub(super) fn of(subject: &str) -> Option<Self> {
        let mut tokens = subject.strip_prefix(PREFIX)?.split(['.']);
        // Newer servers begin with the domain and the account.
        if tokens.clone().count() >= 9 {
            tokens.nth(1)?;
        }
        let (_stream, _consumer) = (tokens.next()?, tokens.next()?);
        let mut number = || tokens.next()?.parse().ok();
        let (delivered, sequence) = (number()?, number()?);
        let (consumer_sequence, nanos) = (number()?, number()?);
        Some(Self {
            sequence,
            delivered,
            consumer_sequence,
            published: UNIX_EPOCH + Duration::from_nanos(nanos),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_the_subject_are_parsed() {
        let expected = AckSubject {
            sequence: 2082,
            delivered: 3,
            consumer_sequence: 17,
            published: UNIX_EPOCH + Duration::from_nanos(1_648_820_200_123_456_789),
        };
        let tail = "ORDERS.bridge.3.2082.17.1648820200123456789.5";
        for subject in [
            format!("$JS.ACK.{tail}"),
            format!("$JS.ACK._.ACCHASH.{tail}"),
            format!("$JS.ACK.hub.ACCHASH.{tail}.random.more"),
        ] {
            assert_eq!(AckSubject::of(&subject), Some(expected), "{subject}");
        }
    }

    #[test]
    fn other_subjects_are_not_parsed() {
        for subject in [
            "",
            "orders.new",
            "$JS.ACK.",
            "$JS.ACK.ORDERS.bridge.3",
            "$JS.ACK.ORDERS.bridge.three.2082.17.1648820200123456789.5",
            "$JS.ACK.ORDERS.bridge.3.2082.17.-1.5",
        ] {
            assert_eq!(AckSubject::of(subject), None, "{subject}");
        }
    }
}
