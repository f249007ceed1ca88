//! What the server says of a delivery in the subject on which it is
//! acknowledged (NATS ADR-15). The client reads it too, of messages that hold
//! a context each: a copy of that costs more than the reading.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const PREFIX: &str = "$JS.ACK.";

/// Where a delivery is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AckSubject {
    /// The message's number in the stream.
    pub(super) sequence: u64,
    /// This is the delivery of that number, from 1.
    pub(super) delivered: u64,
    /// The delivery's number among all of the consumer's.
    pub(super) consumer_sequence: u64,
    pub(super) published: SystemTime,
}

impl AckSubject {
    /// `None` where the subject is none of JetStream's.
    pub(super) fn of(subject: &str) -> Option<Self> {
        let mut tokens = subject.strip_prefix(PREFIX)?.split(['.']);
        // Newer servers say the domain and the account first.
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
    fn both_forms_are_read() {
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
    fn what_is_none_is_refused() {
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
